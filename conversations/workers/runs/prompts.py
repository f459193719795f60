"""What is sent upstream for a run: preset, as much history as fits, and the new messages; or texts without messages."""

from dataclasses import dataclass, replace

from conversations import errors
from conversations.rules.conversations import context_window, tool_pairs
from conversations.rules.conversations.context_window import HistoryItem
from conversations.services.runs.records import PromptInputs
from conversations.values.requests import Operation
from conversations.workers.runs.history import History
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
    """`estimated_tokens` is of the whole request. `dropped` is how many messages of the history were left out."""

    request: Request
    estimated_tokens: int
    dropped: int


def build(
    *,
    inputs: PromptInputs,
    history: History,
    preset_text: str,
    target: Target,
    shrink: float = 1.0,
) -> Prompt:
    """`shrink` below 1 asks for a smaller prompt than the one before (`context_window`).

    Raises InvalidRequest for a turn none of whose messages can be sent.
    """
    if inputs.operation is not Operation.CHAT:
        return _of_texts(inputs, target)
    preset = (Message(Role.SYSTEM, (TextPart(preset_text),)),) if preset_text else ()
    history, new = _paired(history, inputs.messages)
    options = inputs.options
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
        # A late result stands in the history and may be dropped with its turn, unless it is all that this turn says.
        turn_results=_answered_calls(new or inputs.messages),
        shrink=shrink,
    )
    return Prompt(
        request=ChatRequest(model=target.model, messages=(*preset, *history.messages[dropped:], *new), options=options),
        estimated_tokens=preset_tokens + new_tokens + sum(item.tokens for item in history.items[dropped:]),
        dropped=dropped,
    )


def _paired(history: History, new: tuple[Message, ...]) -> tuple[History, tuple[Message, ...]]:
    """Both with every tool result directly after its call. Without a history the caller's messages stay as they are."""
    if not history.messages or (history.is_plain and all(map(tool_pairs.is_plain, new))):
        return history, new
    paired = tool_pairs.pair(history.messages, new)
    if not paired.has_new:
        raise errors.InvalidRequest(
            "messages holds nothing that can follow the conversation: a tool call is answered once, with the id of a "
            "call that the conversation has",
            param="messages",
        )
    counted = {id(message): item for message, item in zip(history.messages, history.items, strict=True)}
    items = tuple(counted.get(id(message)) or _item(message) for message in paired.history)
    return replace(history, messages=paired.history, items=items), paired.new


def _answered_calls(messages: tuple[Message, ...]) -> list[str]:
    return [part.call_id for message in messages for part in message.parts if isinstance(part, ToolResultPart)]


def _item(message: Message) -> HistoryItem:
    return HistoryItem.of(message, tokens=tokens.estimate_message(message))


def _of_texts(inputs: PromptInputs, target: Target) -> Prompt:
    """A completion or embedding: there is no history, and nothing that could be left out."""
    texts, options = inputs.prompt, inputs.options
    request: Request = (
        EmbeddingRequest(target.model, texts, options)
        if inputs.operation is Operation.EMBEDDING
        else CompletionRequest(target.model, texts, options)
    )
    return Prompt(request, estimated_tokens=tokens.estimate_bare(texts), dropped=0)
