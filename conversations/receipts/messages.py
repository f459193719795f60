"""Which messages of a conversation were sent, in which order, and why the others were not.

It repeats what made the prompt: the same pairing of tool calls, and a number of messages left out that was kept.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from conversations.rules.conversations import tool_pairs
from conversations.values.context.receipts import KeptContext, Origin, PromptMessage, Trimmed
from providers import tokens
from providers.messages import Message, Role, TextPart

UNREAD = TextPart("")


@dataclass(frozen=True, slots=True)
class Line:
    """A message of the conversation. Unless it `is_whole`, `message` has no words: only what orders and names it.

    `key` is of its row, None without one.
    """

    id: str | None
    tokens: int
    message: Message
    key: int | None = None
    is_whole: bool = True

    @classmethod
    def plain(cls, id_: str | None, role: str, tokens: int, key: int | None = None) -> "Line":
        return cls(id_, tokens, Message(Role(role), (UNREAD,)), key, is_whole=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line and what became of it."""

    line: Line
    shown: PromptMessage


def said_in_steps(steps: Sequence[Message], *, first: int) -> list[Entry]:
    """What was sent behind all others, from the position `first`."""
    found = []
    for position, message in enumerate(steps, first):
        line = Line(None, tokens.estimate_message(message), message)
        found.append(Entry(line, PromptMessage(None, Origin.STEP, message.role.value, line.tokens, position)))
    return found


def unread(history: Sequence[Line], *, why: Trimmed) -> list[Entry]:
    """What was not even looked at."""
    return [_left_out(line, Origin.HISTORY, why) for line in history]


def arranged(
    history: Sequence[Line], own: Sequence[Line], *, first: int, kept: KeptContext | None = None
) -> list[Entry]:
    """All lines in the order of the prompt; what was left out stands where it would have stood.

    `history`: as much of it as was read for the prompt. `first`: the position of the first message after the preset.
    """
    # Where fewer are listed than were read.
    beyond = max(0, kept.read - len(history)) if kept else 0
    looked_at = [*history, *own]
    split = len(looked_at) - len(own)
    found = _found(looked_at, split)
    entries: list[Entry] = []
    known = {index for index, _ in found}
    missing = deque(index for index in range(len(looked_at)) if index not in known)
    # A result that stands earlier, behind its call, does not bring along what was left out before it.
    reached = _least_from([index for index, _ in found])
    for count, (index, message) in enumerate(found):
        while missing and missing[0] < reached[count]:
            entries.append(_unpaired(looked_at, missing.popleft(), split))
        dropped = max(0, kept.dropped - beyond) if kept else 0
        if kept and count < dropped:
            is_shrunk = kept.dropped_before is not None and count + beyond >= kept.dropped_before
            trimmed = Trimmed.SHRUNK if is_shrunk else Trimmed.WINDOW
            entries.append(_left_out(looked_at[index], _origin(index, split), trimmed))
        else:
            entries.append(_sent(looked_at[index], message, _origin(index, split), first + count - dropped))
    entries += [_unpaired(looked_at, index, split) for index in missing]
    return entries


def _least_from(indexes: Sequence[int]) -> list[int]:
    """At each place the least index from there on."""
    return list(accumulate(reversed(indexes), min))[::-1]


def _found(lines: Sequence[Line], split: int) -> list[tuple[int, Message]]:
    """Without a history the caller's messages stay as they are (`prompts.build`)."""
    messages = [line.message for line in lines]
    if split == 0 or all(map(tool_pairs.is_plain, messages)):
        return list(enumerate(messages))
    return tool_pairs.arranged(messages)


def _sent(line: Line, message: Message, origin: Origin, position: int) -> Entry:
    is_partial = message is not line.message
    shown = PromptMessage(
        id=line.id,
        origin=origin,
        role=message.role.value,
        tokens=tokens.estimate_message(message) if is_partial and line.is_whole else line.tokens,
        position=position,
        trimmed=Trimmed.TOOL_PAIRING if is_partial else None,
        is_partial=is_partial,
    )
    return Entry(line, shown)


def _unpaired(lines: Sequence[Line], index: int, split: int) -> Entry:
    return _left_out(lines[index], _origin(index, split), Trimmed.TOOL_PAIRING)


def _left_out(line: Line, origin: Origin, trimmed: Trimmed) -> Entry:
    return Entry(line, PromptMessage(line.id, origin, line.message.role.value, line.tokens, trimmed=trimmed))


def _origin(index: int, split: int) -> Origin:
    return Origin.HISTORY if index < split else Origin.QUESTION
