"""What is sent upstream for a run: preset, as much history as fits, and the new messages."""

from dataclasses import dataclass

from conversations.rules import context_window
from conversations.rules.context_window import HistoryItem
from conversations.services.run_records import Material
from providers import tokens
from providers.catalog import Target
from providers.messages import ChatRequest, Message, Role, TextPart, ToolResultPart


@dataclass(frozen=True, slots=True)
class Prompt:
    """`estimated_tokens` counts all of the request's messages; `dropped` how many of the history stayed out."""

    request: ChatRequest
    estimated_tokens: int
    dropped: int


def build(*, material: Material, preset_text: str, target: Target, shrink: float = 1.0) -> Prompt:
    """`shrink` below 1 asks for a smaller prompt than the one before (`rules.context_window`)."""
    preset = (Message(Role.SYSTEM, (TextPart(preset_text),)),) if preset_text else ()
    new, options = material.messages, material.options
    preset_tokens, new_tokens = tokens.estimate_messages(preset), tokens.estimate_messages(new)
    items = [HistoryItem.of(past.message, tokens=past.tokens) for past in material.history]
    dropped = context_window.messages_to_drop(
        history=items,
        preset_tokens=preset_tokens,
        turn_tokens=new_tokens,
        window_tokens=target.context_window,
        reserved_tokens=context_window.reserved_output(
            window_tokens=target.context_window,
            max_output_tokens=target.max_output_tokens or None,
            asked_tokens=options.get("max_completion_tokens", options.get("max_tokens")),
        ),
        turn_results=[part.call_id for message in new for part in message.parts if isinstance(part, ToolResultPart)],
        shrink=shrink,
    )
    history = tuple(past.message for past in material.history[dropped:])
    return Prompt(
        request=ChatRequest(model=target.model, messages=(*preset, *history, *new), options=options),
        estimated_tokens=preset_tokens + new_tokens + sum(item.tokens for item in items[dropped:]),
        dropped=dropped,
    )
