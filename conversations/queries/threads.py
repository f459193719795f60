"""A conversation's messages as a tree, for whoever must find a place in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conversations.models import Conversation
from conversations.rules.resent_history import KnownMessage
from providers import serialization
from providers.messages import Message, Role


@dataclass(frozen=True, slots=True)
class Thread:
    """`head` is where the conversation stands; `messages` are all of them, oldest first, on every branch."""

    head: int | None = None
    messages: Sequence[KnownMessage] = ()


def read(*, account_id: int, conversation_id: str) -> Thread:
    """Empty for a conversation that the account does not have yet, or no longer."""
    conversations = Conversation.objects.for_account(account_id).filter(public_id=conversation_id, deleted_at=None)
    conversation = conversations.only("head").first()
    if conversation is None:
        return Thread()
    # Values, not objects: a message that is resent costs what it takes to read its parts.
    columns = ("pk", "parent_id", "role", "parts", "parts_version")
    rows = conversation.messages.order_by("pk").values_list(*columns)
    return Thread(head=conversation.head_id, messages=[_known(*row) for row in rows])


def _known(pk: int, parent: int | None, role: str, parts: Any, version: int) -> KnownMessage:
    return KnownMessage(pk, parent, Message(Role(role), serialization.load_parts(parts, version=version)))
