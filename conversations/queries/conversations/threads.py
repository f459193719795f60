"""A conversation's messages as a tree, to find where resent history ends in it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from django.db.models import QuerySet

from conversations.models import Conversation, Message
from conversations.rules.conversations.resent_history import KnownMessage
from providers import serialization
from providers.messages import Message as MessageValue
from providers.messages import Role

# How many messages are read first. Nearly all conversations have no more.
NEWEST = 32
# How many messages are read in all, and how many bytes of them. Requests have similar limits.
MESSAGES_MAX = 20_000
BYTES_MAX = 32_000_000
# Messages fetched at once, so as many may be in memory beyond BYTES_MAX.
CHUNK = 50


@dataclass(frozen=True, slots=True)
class Thread:
    """The newest messages of a conversation, of all branches, oldest first. `head` is the last one of its path.

    `pk` is the conversation's key, None when it does not exist. Unless `is_whole`, there are older messages
    (`with_older`).
    """

    pk: int | None = None
    head: int | None = None
    messages: Sequence[KnownMessage] = ()
    is_whole: bool = True


def read(*, account_id: int, conversation_id: str) -> Thread:
    """The newest messages; an empty thread when the account has no such conversation, or it was deleted."""
    conversations = Conversation.objects.for_account(account_id).filter(public_id=conversation_id, deleted_at=None)
    conversation = conversations.only("head").first()
    if conversation is None:
        return Thread()
    rows = list(_rows(conversation.pk)[: NEWEST + 1])
    messages = [_known(*row) for row in rows[NEWEST - 1 :: -1]]
    return Thread(conversation.pk, conversation.head_id, messages, is_whole=len(rows) <= NEWEST)


def with_older(thread: Thread, *, messages_max: int = MESSAGES_MAX, bytes_max: int = BYTES_MAX) -> Thread:
    """The thread with its older messages, as far as the limits allow. To be called in a transaction.

    They are read through a server-side cursor, so those beyond the limits are never read.
    """
    if thread.pk is None or thread.is_whole:
        return thread
    rows = _rows(thread.pk).filter(pk__lt=thread.messages[0].pk)[: messages_max - NEWEST]
    older = [_known(*row) for row in _bounded(rows.iterator(chunk_size=CHUNK), bytes_max=bytes_max)]
    return replace(thread, messages=[*reversed(older), *thread.messages], is_whole=True)


def _rows(conversation_pk: int) -> QuerySet[Message, tuple[Any, ...]]:
    """Newest first. As tuples, because making model objects would cost more than parsing the parts."""
    columns = ("pk", "parent_id", "role", "parts", "parts_version")
    return Message.objects.filter(conversation=conversation_pk).order_by("-pk").values_list(*columns)


def _bounded(rows: Iterable[tuple[Any, ...]], *, bytes_max: int) -> Iterator[tuple[Any, ...]]:
    left = bytes_max
    for row in rows:
        left -= sum(map(_size, row[3]))
        if left < 0:
            return
        yield row


def _size(part: Any) -> int:
    """Roughly in bytes: the characters of a text part, the JSON of any other."""
    return len(part["text"]) if part.get("type") == "text" else len(orjson.dumps(part))


def _known(pk: int, parent: int | None, role: str, parts: Any, version: int) -> KnownMessage:
    return KnownMessage(pk, parent, MessageValue(Role(role), serialization.load_parts(parts, version=version)))
