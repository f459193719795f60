"""A conversation's messages as a tree, written as the rows that START_STORED and FINISH leave."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from conversations.models import Account, Conversation, Message
from conversations.rules.conversations import resent_history
from providers import serialization
from providers.messages import Message as Said
from tests.builders.factories import ConversationFactory, RunFactory


@dataclass(frozen=True)
class Node:
    """`parent`: the place of the message before it in the list of all; None for a first message.

    Without `has_digest` it is a message of a release that wrote none.
    """

    parent: int | None
    message: Said
    has_digest: bool = True


def chain(*messages: Said, first: int = 0, parent: int | None = None, has_digest: bool = True) -> list[Node]:
    """Each message the child of the one before; they take the places from `first` on."""
    parents = [parent, *range(first, first + len(messages) - 1)]
    return [Node(parent, message, has_digest) for parent, message in zip(parents, messages, strict=True)]


def store(nodes: Sequence[Node], *, head: int | None, owner: Account, conversation_id: str) -> list[int]:
    """The ids of the messages, by their places. `head` is a place."""
    conversation = ConversationFactory.create(account=owner, public_id=conversation_id)
    run = RunFactory.create(conversation=conversation, is_completed=True)
    pks = _next_ids(len(nodes))
    Message.objects.bulk_create(
        Message(
            pk=pk,
            account=owner,
            conversation=conversation,
            run=run,
            parent_id=None if node.parent is None else pks[node.parent],
            role=node.message.role.value,
            parts=serialization.dump_parts(node.message.parts),
            tokens=1,
            digest=resent_history.digest(node.message) if node.has_digest else None,
        )
        for pk, node in zip(pks, nodes, strict=True)
    )
    Conversation.objects.filter(pk=conversation.pk).update(head=None if head is None else pks[head])
    return pks


def _next_ids(number: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('conversations_message_id_seq') FROM generate_series(1, %s)", [number])
        return [pk for (pk,) in cursor.fetchall()]
