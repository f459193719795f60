"""What `queries/conversations/threads.py` must find, said plainly: over all messages of a conversation, in memory."""

from collections.abc import Hashable, Sequence

from providers.messages import Message, Role, TextPart
from tests.integration.conversations.queries.stored_trees import Node

Found = tuple[int, int | None]
"""How many sent messages are known, and the place of the message that the new ones follow; None is the head."""


def said(message: Message) -> Hashable:
    """Enough for messages of one text."""
    part = message.parts[0]
    return (message.role, part.text.strip() if isinstance(part, TextPart) else part)


def recognised(sent: Sequence[Message], *, nodes: Sequence[Node], head: int | None) -> Found:
    path = _path(nodes, head)
    levels = _levels(sent, nodes)
    matched = len(levels)
    if matched == len(sent) and sent[-1].role is not Role.ASSISTANT:
        while matched and sent[matched - 1].role is not Role.ASSISTANT:
            matched -= 1
    if _has_answer(sent[:matched]):
        ends = levels[matched - 1]
        after = next((place for place in ends if place in path), max(ends))
        return matched, None if after == head else after
    lengths = range(min(len(path), len(sent)), 1, -1)
    ends_alike = (length for length in lengths if _alike(sent[:length], [nodes[place] for place in path[-length:]]))
    longest = next(ends_alike, 0)
    return (longest, None) if _has_answer(sent[:longest]) else (0, None)


def _path(nodes: Sequence[Node], head: int | None) -> list[int]:
    path: list[int] = []
    while head is not None:
        path.insert(0, head)
        head = nodes[head].parent
    return path


def _levels(sent: Sequence[Message], nodes: Sequence[Node]) -> list[list[int]]:
    levels: list[list[int]] = []
    parents: list[int | None] = [None]
    for message in sent:
        level = [
            place for place, node in enumerate(nodes) if node.parent in parents and said(node.message) == said(message)
        ]
        if not level:
            break
        levels.append(level)
        parents = [*level]
    return levels


def _alike(sent: Sequence[Message], nodes: Sequence[Node]) -> bool:
    return [said(message) for message in sent] == [said(node.message) for node in nodes]


def _has_answer(messages: Sequence[Message]) -> bool:
    return any(message.role is Role.ASSISTANT for message in messages)
