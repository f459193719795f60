"""What is sent upstream for a run: preset, as much history as fits, and the new messages; or texts without messages."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from conversations import errors
from conversations.rules.conversations import context_window, tool_pairs
from conversations.rules.conversations.context_window import HistoryItem
from conversations.rules.generation import search_options
from conversations.rules.runs import tool_limits
from conversations.rules.runs.tool_limits import Fitted
from conversations.services.runs.records import PromptInputs
from conversations.values.context.sources import Gathered, Source
from conversations.values.requests import Operation
from conversations.workers.runs.context import placing
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
)

NO_STEPS = Fitted()


@dataclass(frozen=True, slots=True)
class Placed:
    """Of a prompt that something was gathered for: its messages after the preset, as they were before.

    The tokens are of history and new messages as they are sent, the sources included.
    """

    originals: tuple[Message, ...]
    first: int
    history_tokens: int
    new_tokens: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """`estimated_tokens` is of the whole request. `dropped` is how many messages of the history were left out.

    `declared_tokens` of it are the tools' schemas. `sources` are those in it, in the order of their numbers. `placed`
    is None where nothing was gathered. `steps` are this turn's messages behind the new ones.
    """

    request: Request
    estimated_tokens: int
    dropped: int
    declared_tokens: int = 0
    sources: tuple[Source, ...] = ()
    placed: Placed | None = None
    steps: Fitted = NO_STEPS


def build(
    *,
    inputs: PromptInputs,
    history: History,
    preset_text: str,
    target: Target,
    gathered: Gathered | None = None,
    options: Mapping[str, Any] | None = None,
    steps: tuple[Message, ...] = (),
    shrink: float = 1.0,
) -> Prompt:
    """`shrink` below 1 asks for a smaller prompt than the one before (`context_window`). `options` replace the turn's.

    `steps`: what the model and its tools have said in this turn already; the longest results are cut to fit. Raises
    InvalidRequest for a turn none of whose messages can be sent.
    """
    if inputs.operation is not Operation.CHAT:
        return _of_texts(inputs, target)
    preset = (Message(Role.SYSTEM, (TextPart(preset_text),)),) if preset_text else ()
    history, new = _paired(history, inputs.messages)
    # A late result stands in the history and may be dropped with its turn, unless it is all that this turn says.
    answered = tool_pairs.answered_calls(new or inputs.messages)
    options = inputs.options if options is None else options
    # The beginning of the reply is counted with the new messages, once.
    declared_tokens, new_tokens = tokens.estimate_declared(options), tokens.estimate_messages(new)
    fixed_tokens = sum(map(tokens.estimate_message, preset)) + declared_tokens
    window = _window(target, options, preset_tokens=fixed_tokens)
    sources: tuple[Source, ...] = ()
    originals: tuple[Message, ...] = ()
    if gathered is not None:
        originals, options = (*history.messages, *new), _sent(options, gathered)
        history, new, sources = placing.placed(gathered, history, new, target.inputs, window=window, shrink=shrink)
        new_tokens = tokens.estimate_messages(new)
    shown = NO_STEPS
    if steps:
        shown = _fitted(steps, room=context_window.history_budget(turn_tokens=new_tokens, **window) * shrink)
    turn_tokens = new_tokens + sum(map(tokens.estimate_message, shown.messages))
    dropped = context_window.messages_to_drop(
        history=history.items, turn_tokens=turn_tokens, turn_results=answered, shrink=shrink, **window
    )
    history_tokens = sum(item.tokens for item in history.items[dropped:])
    return Prompt(
        ChatRequest(target.model, (*preset, *history.messages[dropped:], *new, *shown.messages), options),
        estimated_tokens=fixed_tokens + turn_tokens + history_tokens,
        dropped=dropped,
        declared_tokens=declared_tokens,
        sources=sources,
        placed=Placed(originals[dropped:], len(preset), history_tokens, new_tokens) if originals else None,
        steps=shown,
    )


def _fitted(steps: tuple[Message, ...], *, room: float) -> Fitted:
    return tool_limits.fitted(steps, room=int(room * tool_limits.RESULTS_SHARE))


def _sent(options: Mapping[str, Any], gathered: Gathered) -> Mapping[str, Any]:
    return search_options.without_search(options) if gathered.has_searched else options


def _window(target: Target, options: Mapping[str, Any], *, preset_tokens: int) -> dict[str, int]:
    """The window of the target, and what preset and answer have of it, as `context_window` takes them."""
    reserved_tokens = context_window.reserved_output(
        window_tokens=target.context_window,
        max_output_tokens=target.max_output_tokens or None,
        asked_tokens=options.get("max_completion_tokens", options.get("max_tokens")),
    )
    return {
        "window_tokens": target.context_window,
        "preset_tokens": preset_tokens,
        "reserved_tokens": reserved_tokens,
    }


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
