"""Which of the messages that a caller sent are already in the conversation, and which message the new ones follow.

Callers of a stateless API send the whole history every time. Repeated messages are recognised by their content, on any
branch of the conversation, so that nothing is stored twice. An edited or regenerated turn becomes a branch.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from conversations.rules.conversations.sequence_overlap import overlap
from providers.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message of the conversation. `parent` is the primary key of the one before it, None for the first."""

    pk: int
    parent: int | None
    message: Message


@dataclass(frozen=True, slots=True)
class Continuation:
    """The sent messages from index `new_from` on are new. They follow the message `after`; None is the head."""

    new_from: int = 0
    after: int | None = None


def recognise(sent: Sequence[Message], *, known: Sequence[KnownMessage], head: int | None) -> Continuation:
    """Only a repeated answer proves a repeated history: people ask "next" twice, and want two answers.

    `new_from` is the number of messages sent when the conversation has them all, with their answers.
    """
    # Each message's content becomes a number, so that long texts are hashed once and compared no more.
    numbers: defaultdict[Hashable, int] = defaultdict(count().__next__)
    thread = _Thread(known, [numbers[content_key(item.message)] for item in known], head=head)
    keys = [numbers[content_key(message)] for message in sent]
    levels = thread.walk(keys)
    new_from = _first_new(sent, matched=len(levels))
    if _has_answer(sent[:new_from]):
        after = thread.nearest(levels[new_from - 1])
        return Continuation(new_from, None if after == head else after)
    return Continuation(_overlap(sent, keys, thread.path_keys()))


def _first_new(sent: Sequence[Message], *, matched: int) -> int:
    """When all messages match and the last is a question, the caller wants another answer to it: so it is new."""
    if matched == len(sent) and sent[-1].role is not Role.ASSISTANT:
        while matched and sent[matched - 1].role is not Role.ASSISTANT:
            matched -= 1
    return matched


def _has_answer(messages: Sequence[Message]) -> bool:
    return any(message.role is Role.ASSISTANT for message in messages)


def _overlap(sent: Sequence[Message], keys: Sequence[int], path: Sequence[int]) -> int:
    """How many of the first sent messages are the conversation's last ones: some callers leave out the oldest."""
    length = overlap(path, keys)
    return length if length > 1 and _has_answer(sent[:length]) else 0


class _Thread:
    """The conversation's messages as a tree. `keys` are the numbers of their contents, in the order of `known`."""

    def __init__(self, known: Sequence[KnownMessage], keys: Sequence[int], *, head: int | None) -> None:
        self._parents = {item.pk: item.parent for item in known}
        self._keys = {item.pk: key for item, key in zip(known, keys, strict=True)}
        self._children: Mapping[int | None, list[int]] = defaultdict(list)
        for item in known:
            self._children[item.parent].append(item.pk)
        self._path = self._path_to(head)

    def _path_to(self, head: int | None) -> dict[int, None]:
        """The messages up to the head, as an ordered set. It begins with the oldest known message of the path."""
        path: list[int] = []
        pk = head
        while pk is not None and pk in self._parents:
            path.append(pk)
            pk = self._parents[pk]
        return dict.fromkeys(reversed(path))

    def path_keys(self) -> list[int]:
        return [self._keys[pk] for pk in self._path]

    def walk(self, keys: Sequence[int]) -> list[list[int]]:
        """For each sent message, from the first on, the known messages at its depth that match it; ends at no match.

        A question that was asked twice, perhaps after a failure, has two messages with one parent. All are followed.
        """
        levels: list[list[int]] = []
        parents: Sequence[int | None] = (None,)
        for key in keys:
            found = [child for pk in parents for child in self._children.get(pk, ()) if self._keys[child] == key]
            if not found:
                break
            levels.append(found)
            parents = found
        return levels

    def nearest(self, candidates: Sequence[int]) -> int:
        """The one on the path to the head, else the newest."""
        return next((pk for pk in candidates if pk in self._path), max(candidates))


def content_key(message: Message) -> Hashable:
    """Equal for two messages with the same content, however they were written.

    Callers drop reasoning and vendors' own fields, trim blanks, and send a plain text as a string or as a part.
    """
    text = "".join(part.text for part in message.parts if isinstance(part, TextPart)).strip()
    role = Role.SYSTEM if message.role is Role.DEVELOPER else message.role
    rest = [key for part in message.parts if (key := _part_key(part)) is not None]
    return (role, text, *rest)


def _part_key(part: Part) -> Hashable:
    """None for text, which is joined, and for reasoning, which callers drop."""
    match part:
        case ImagePart(url=content) | RefusalPart(text=content):
            return (type(part), content)
        case AudioPart():
            return (AudioPart, part.audio_id or part.data)
        case FilePart():
            return (FilePart, part.file_id or part.data or part.url)
        case ToolCallPart():
            return (ToolCallPart, part.call_id, part.name, part.arguments)
        case ToolResultPart():
            return (ToolResultPart, part.call_id, content_key(Message(Role.TOOL, part.parts)))
    return None
