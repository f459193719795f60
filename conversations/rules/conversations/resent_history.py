"""Which of the messages that a caller sent are already in the conversation, and where the new ones go.

Callers of a stateless API send the whole history every time. What they repeat is recognised by what it says, on any
branch of the conversation, so that nothing is stored twice; an edited or regenerated turn becomes a branch.
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
    """A message of the conversation; `parent` is None for one that begins it."""

    pk: int
    parent: int | None
    message: Message


@dataclass(frozen=True, slots=True)
class Continuation:
    """The sent messages from index `new_from` on are new, and follow `after`: None means the conversation's head."""

    new_from: int = 0
    after: int | None = None


def recognise(sent: Sequence[Message], *, known: Sequence[KnownMessage], head: int | None) -> Continuation:
    """Only a repeated answer proves a repeated history: people say "next" twice, and mean it twice.

    `new_from` is the number of messages sent when all they say was said, and answered, before.
    """
    # Meanings become numbers: each is hashed once, and long texts are not compared again and again.
    numbers: defaultdict[Hashable, int] = defaultdict(count().__next__)
    thread = _Thread(known, [numbers[meaning(item.message)] for item in known], head=head)
    keys = [numbers[meaning(message)] for message in sent]
    levels = thread.walk(keys)
    new_from = _begin_of_new(sent, matched=len(levels))
    if _has_answer(sent[:new_from]):
        after = thread.nearest(levels[new_from - 1])
        return Continuation(new_from, None if after == head else after)
    return Continuation(_overlap(sent, keys, thread.path_keys()))


def _begin_of_new(sent: Sequence[Message], *, matched: int) -> int:
    """A history that is known to its end asks for its last question to be answered again."""
    if matched == len(sent) and sent[-1].role is not Role.ASSISTANT:
        while matched and sent[matched - 1].role is not Role.ASSISTANT:
            matched -= 1
    return matched


def _has_answer(messages: Sequence[Message]) -> bool:
    return any(message.role is Role.ASSISTANT for message in messages)


def _overlap(sent: Sequence[Message], keys: Sequence[int], path: Sequence[int]) -> int:
    """How many of the sent messages are the conversation's last ones: callers also leave out the oldest."""
    length = overlap(path, keys)
    return length if length > 1 and _has_answer(sent[:length]) else 0


class _Thread:
    """The conversation's messages as a tree of what they say: `keys` has a number for the meaning of each."""

    def __init__(self, known: Sequence[KnownMessage], keys: Sequence[int], *, head: int | None) -> None:
        self._parents = {item.pk: item.parent for item in known}
        self._keys = {item.pk: key for item, key in zip(known, keys, strict=True)}
        self._children: Mapping[int | None, list[int]] = defaultdict(list)
        for item in known:
            self._children[item.parent].append(item.pk)
        self._path = self._path_to(head)

    def _path_to(self, head: int | None) -> dict[int, None]:
        """In order, and quick to ask. Of a long conversation only the newest messages are known: it begins there."""
        path: list[int] = []
        at = head
        while at is not None and at in self._parents:
            path.append(at)
            at = self._parents[at]
        return dict.fromkeys(reversed(path))

    def path_keys(self) -> list[int]:
        return [self._keys[pk] for pk in self._path]

    def walk(self, keys: Sequence[int]) -> list[list[int]]:
        """For each sent message from the first on, the messages that say it at that place, as long as there are any.

        The same question asked twice, say after a failure, stands there twice: all of them are followed.
        """
        levels: list[list[int]] = []
        here: Sequence[int | None] = (None,)
        for key in keys:
            found = [child for pk in here for child in self._children.get(pk, ()) if self._keys[child] == key]
            if not found:
                break
            levels.append(found)
            here = found
        return levels

    def nearest(self, candidates: Sequence[int]) -> int:
        """The one on the way to the head, else the newest."""
        return next((pk for pk in candidates if pk in self._path), max(candidates))


def meaning(message: Message) -> Hashable:
    """Equal for two messages that say the same, however they were written.

    Callers drop thoughts and vendors' own fields, trim blanks, and write a plain text as a string or as a part.
    """
    text = "".join(part.text for part in message.parts if isinstance(part, TextPart)).strip()
    role = Role.SYSTEM if message.role is Role.DEVELOPER else message.role
    rest = [key for part in message.parts if (key := _part_meaning(part)) is not None]
    return (role, text, *rest)


def _part_meaning(part: Part) -> Hashable:
    """None for text, which is joined, and for thoughts."""
    match part:
        case ImagePart(url=said) | RefusalPart(text=said):
            return (type(part), said)
        case AudioPart():
            return (AudioPart, part.audio_id or part.data)
        case FilePart():
            return (FilePart, part.file_id or part.data or part.url)
        case ToolCallPart():
            return (ToolCallPart, part.call_id, part.name, part.arguments)
        case ToolResultPart():
            return (ToolResultPart, part.call_id, meaning(Message(Role.TOOL, part.parts)))
    return None
