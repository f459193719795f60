"""A conversation's messages as a tree, for whoever must find a place in it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from django.db.models import QuerySet

from conversations.models import Conversation, Message
from conversations.rules.conversations.resent_history import KnownMessage
from providers import serialization
from providers.messages import Message as Said
from providers.messages import Role

# As many are read at once: nearly all conversations are no longer.
NEWEST = 32
# Of a conversation without end only the newest are read, and of large messages fewer. A request is bounded alike.
MESSAGES_MAX = 20_000
BYTES_MAX = 32_000_000
# As many large messages may be in memory although they go over the bound.
CHUNK = 50


@dataclass(frozen=True, slots=True)
class Thread:
    """`head` is where the conversation stands; `messages` are the newest on every branch, oldest first.

    `pk` is the conversation's, None where there is none. Not `is_whole`: there are older messages (`with_older`).
    """

    pk: int | None = None
    head: int | None = None
    messages: Sequence[KnownMessage] = ()
    is_whole: bool = True


def read(*, account_id: int, conversation_id: str) -> Thread:
    """The newest messages. Empty for a conversation that the account does not have yet, or no longer."""
    conversations = Conversation.objects.for_account(account_id).filter(public_id=conversation_id, deleted_at=None)
    conversation = conversations.only("head").first()
    if conversation is None:
        return Thread()
    rows = list(_rows(conversation.pk)[: NEWEST + 1])
    messages = [_known(*row) for row in rows[NEWEST - 1 :: -1]]
    return Thread(conversation.pk, conversation.head_id, messages, is_whole=len(rows) <= NEWEST)


def with_older(thread: Thread, *, messages_max: int = MESSAGES_MAX, bytes_max: int = BYTES_MAX) -> Thread:
    """The thread with its older messages, as far as the bounds allow. To be called in a transaction.

    They come through a cursor of the server, so that those beyond the bounds are not even read.
    """
    if thread.pk is None or thread.is_whole:
        return thread
    rows = _rows(thread.pk).filter(pk__lt=thread.messages[0].pk)[: messages_max - NEWEST]
    older = [_known(*row) for row in _bounded(rows.iterator(chunk_size=CHUNK), room=bytes_max)]
    return replace(thread, messages=[*reversed(older), *thread.messages], is_whole=True)


def _rows(conversation_pk: int) -> QuerySet[Message, tuple[Any, ...]]:
    """Newest first. Values, not objects: a message that is resent costs what it takes to read its parts."""
    columns = ("pk", "parent_id", "role", "parts", "parts_version")
    return Message.objects.filter(conversation=conversation_pk).order_by("-pk").values_list(*columns)


def _bounded(rows: Iterable[tuple[Any, ...]], *, room: int) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        room -= sum(map(_size, row[3]))
        if room < 0:
            return
        yield row


def _size(part: Any) -> int:
    """In bytes, roughly: of a text its characters, of anything else its JSON."""
    return len(part["text"]) if part.get("type") == "text" else len(orjson.dumps(part))


def _known(pk: int, parent: int | None, role: str, parts: Any, version: int) -> KnownMessage:
    return KnownMessage(pk, parent, Said(Role(role), serialization.load_parts(parts, version=version)))
