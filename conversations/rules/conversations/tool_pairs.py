"""Tool calls and their results as vendors accept them: each call answered, directly after the message that makes it.

In a conversation this need not be so: a turn follows a call that nobody answered, a result comes late or twice, or the
context window has cut off its call. Vendors refuse such a request as a whole, every time (ADR 13). Stored messages are
not changed.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from providers.messages import Message, Part, ReasoningPart, Role, TextPart, ToolCallPart, ToolResultPart


@dataclass(frozen=True, slots=True)
class Paired:
    """The messages to send. `new` are those after the last message that comes from the history.

    `has_new`: at least one message of the turn is sent. It may be a late result, which then stands in `history`.
    """

    history: tuple[Message, ...]
    new: tuple[Message, ...]
    has_new: bool


def is_plain(message: Message) -> bool:
    """Whether the message needs no pairing: it has neither calls nor results, and is not only reasoning."""
    if len(message.parts) == 1 and isinstance(message.parts[0], TextPart):
        return True
    return not _is_reasoning_only(message) and not any(
        isinstance(part, ToolCallPart | ToolResultPart) for part in message.parts
    )


def answered_calls(messages: Sequence[Message]) -> list[str]:
    """The ids of the calls that they answer."""
    return [part.call_id for message in messages for part in message.parts if isinstance(part, ToolResultPart)]


def pair(history: Sequence[Message], new: Sequence[Message]) -> Paired:
    """Leaves out calls without a result, results without a call, and answers that hold nothing but reasoning.

    A result belongs to the nearest call before it that has its id, because some vendors number their calls from 0 in
    every turn. Of several results of a call the first stays: the model's later answers rest on it.
    """
    found = arranged([*history, *new])
    split = max((count for count, (origin, _) in enumerate(found, 1) if origin < len(history)), default=0)
    sent = [message for _, message in found]
    return Paired(tuple(sent[:split]), tuple(sent[split:]), has_new=any(origin >= len(history) for origin, _ in found))


def arranged(messages: Sequence[Message]) -> list[tuple[int, Message]]:
    """What is sent of the messages, in order, each with the index of the message that it comes from."""
    matches = _match_results(messages)
    found: list[tuple[int, Message]] = []
    for index, message in enumerate(messages):
        kept = _kept(message, matches.answered.get(index, frozenset()))
        if kept is not None:
            found.append((index, kept))
        found.extend(matches.results.get(index, ()))
    return found


@dataclass(slots=True)
class _Matches:
    """By the index of the message that calls: the indexes of its answered parts, and the results.

    Each result comes with the index of the message that it was in.
    """

    answered: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    results: dict[int, list[tuple[int, Message]]] = field(default_factory=lambda: defaultdict(list))


def _match_results(messages: Sequence[Message]) -> _Matches:
    matches = _Matches()
    # By call id: the index of the latest message with such calls, and the indexes of its parts not answered so far.
    pending: dict[str, tuple[int, deque[int]]] = {}
    for index, message in enumerate(messages):
        for part in message.parts:
            if not isinstance(part, ToolResultPart) or part.call_id not in pending:
                continue
            caller, calls = pending[part.call_id]
            if calls:
                matches.answered[caller].add(calls.popleft())
                result = message if len(message.parts) == 1 else Message(Role.TOOL, (part,))
                matches.results[caller].append((index, result))
        pending |= _calls(message, index)
    return matches


def _calls(message: Message, index: int) -> dict[str, tuple[int, deque[int]]]:
    """One message may use an id twice. Results are then matched in the order of its calls."""
    found: dict[str, tuple[int, deque[int]]] = {}
    for position, part in enumerate(message.parts):
        if isinstance(part, ToolCallPart):
            found.setdefault(part.call_id, (index, deque()))[1].append(position)
    return found


def _kept(message: Message, answered: set[int] | frozenset[int]) -> Message | None:
    """The message without its results, which are put behind their calls, and without calls that nobody answered."""
    parts = tuple(part for at, part in enumerate(message.parts) if _is_kept(part, is_answered=at in answered))
    if len(parts) == len(message.parts):
        return None if _is_reasoning_only(message) else message
    # Callers send an empty text beside calls. Without the calls nothing is left of such a message.
    is_empty = all(isinstance(part, ReasoningPart) or part == TextPart("") for part in parts)
    return None if is_empty else replace(message, parts=parts)


def _is_kept(part: Part, *, is_answered: bool) -> bool:
    return is_answered if isinstance(part, ToolCallPart) else not isinstance(part, ToolResultPart)


def _is_reasoning_only(message: Message) -> bool:
    """An answer that was cut off while the model was still reasoning. Vendors refuse an answer without content."""
    is_answer = message.role is Role.ASSISTANT and bool(message.parts)
    return is_answer and all(isinstance(part, ReasoningPart) for part in message.parts)
