"""What is sent upstream for a run: preset, as much history as fits, and the new messages; or bare texts alone."""

from dataclasses import dataclass

from conversations.rules import context_window
from conversations.services.histories import History
from conversations.services.run_records import Material
from conversations.turns import Operation
from providers import tokens
from providers.catalog import Target
from providers.messages import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    Message,
    Request,
    Role,
    TextPart,
    ToolResultPart,
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """`estimated_tokens` counts all that is asked with the request; `dropped` how many of the history stayed out."""

    request: Request
    estimated_tokens: int
    dropped: int


def build(
    *,
    material: Material,
    history: History,
    preset_text: str,
    target: Target,
    shrink: float = 1.0,
) -> Prompt:
    """`shrink` below 1 asks for a smaller prompt than the one before (`rules.context_window`)."""
    if material.operation is not Operation.CHAT:
        return _bare(material, target)
    preset = (Message(Role.SYSTEM, (TextPart(preset_text),)),) if preset_text else ()
    new, options = material.messages, material.options
    preset_tokens, new_tokens = tokens.estimate_messages(preset), tokens.estimate_messages(new)
    dropped = context_window.messages_to_drop(
        history=history.items,
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
    return Prompt(
        request=ChatRequest(model=target.model, messages=(*preset, *history.messages[dropped:], *new), options=options),
        estimated_tokens=preset_tokens + new_tokens + sum(item.tokens for item in history.items[dropped:]),
        dropped=dropped,
    )


def _bare(material: Material, target: Target) -> Prompt:
    """What no messages surround has no history either, and nothing that could be left out."""
    texts, options = material.prompt, material.options
    request: Request = (
        EmbeddingRequest(target.model, texts, options)
        if material.operation is Operation.EMBEDDING
        else CompletionRequest(target.model, texts, options)
    )
    return Prompt(request, estimated_tokens=tokens.estimate_bare(texts), dropped=0)
