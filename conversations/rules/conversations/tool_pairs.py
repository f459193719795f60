"""Tool calls and their results as vendors take them: every call answered, directly after the message that asked.

A thread need not be so: a turn goes on from a call that nobody answered, a result comes late, or twice, or the window
has cut its call away. Vendors refuse the whole request then, for ever (ADR 13). What is stored stays as it is.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from providers.messages import Message, Part, ReasoningPart, Role, TextPart, ToolCallPart, ToolResultPart


@dataclass(frozen=True, slots=True)
class Paired:
    """The messages to send; `new` are those of the turn that no message of the history follows.

    `has_new`: something of the turn is among them at all; it may be a late result, which stands in the history.
    """

    history: tuple[Message, ...]
    new: tuple[Message, ...]
    has_new: bool


def is_plain(message: Message) -> bool:
    """Whether nothing can be out of place in the message. Of a history of such there is nothing to pair."""
    if len(message.parts) == 1 and isinstance(message.parts[0], TextPart):
        return True
    return not _is_thought_alone(message) and not any(
        isinstance(part, ToolCallPart | ToolResultPart) for part in message.parts
    )


def pair(history: Sequence[Message], new: Sequence[Message]) -> Paired:
    """Leaves out calls without a result, results without a call, and answers that are nothing but thoughts.

    A result belongs to the nearest call before it with its id: some vendors count theirs from 0 in every turn. The
    first result of a call stays, as what the model has gone on from.
    """
    messages = [*history, *new]
    places = _places(messages)
    found: list[tuple[bool, Message]] = []
    for index, message in enumerate(messages):
        kept = _kept(message, places.answered.get(index, frozenset()))
        if kept is not None:
            found.append((index >= len(history), kept))
        found.extend((at >= len(history), result) for at, result in places.results.get(index, ()))
    split = max((place for place, (is_new, _) in enumerate(found, 1) if not is_new), default=0)
    sent = [message for _, message in found]
    return Paired(tuple(sent[:split]), tuple(sent[split:]), has_new=any(is_new for is_new, _ in found))


@dataclass(slots=True)
class _Places:
    """By the index of the message that calls: which of its parts are answered, and the results with where they were."""

    answered: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    results: dict[int, list[tuple[int, Message]]] = field(default_factory=lambda: defaultdict(list))


def _places(messages: Sequence[Message]) -> _Places:
    places = _Places()
    # By the id of a call: the latest message that has it, and which of its parts do, as long as they wait.
    waiting: dict[str, tuple[int, deque[int]]] = {}
    for index, message in enumerate(messages):
        for part in message.parts:
            if not isinstance(part, ToolResultPart) or part.call_id not in waiting:
                continue
            caller, calls = waiting[part.call_id]
            if calls:
                places.answered[caller].add(calls.popleft())
                result = message if len(message.parts) == 1 else Message(Role.TOOL, (part,))
                places.results[caller].append((index, result))
        waiting |= _calls(message, index)
    return places


def _calls(message: Message, index: int) -> dict[str, tuple[int, deque[int]]]:
    """One message may have an id twice: its results are then taken in the order of its calls."""
    found: dict[str, tuple[int, deque[int]]] = {}
    for place, part in enumerate(message.parts):
        if isinstance(part, ToolCallPart):
            found.setdefault(part.call_id, (index, deque()))[1].append(place)
    return found


def _kept(message: Message, answered: set[int] | frozenset[int]) -> Message | None:
    """The message without results, which stand elsewhere, and without calls that nobody answered."""
    parts = tuple(part for place, part in enumerate(message.parts) if _stays(part, is_answered=place in answered))
    if len(parts) == len(message.parts):
        return None if _is_thought_alone(message) else message
    # Callers write an empty text beside calls: without them it is nothing.
    is_empty = all(isinstance(part, ReasoningPart) or part == TextPart("") for part in parts)
    return None if is_empty else replace(message, parts=parts)


def _stays(part: Part, *, is_answered: bool) -> bool:
    return is_answered if isinstance(part, ToolCallPart) else not isinstance(part, ToolResultPart)


def _is_thought_alone(message: Message) -> bool:
    """Vendors want an answer to say something: thoughts are what is left of one that was cut in the middle of them."""
    is_answer = message.role is Role.ASSISTANT and bool(message.parts)
    return is_answer and all(isinstance(part, ReasoningPart) for part in message.parts)
