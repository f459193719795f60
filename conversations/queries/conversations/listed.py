"""Conversations as their owners are shown them: with how they begin and end, and whose they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from conversations.errors import NotFound
from conversations.models import Conversation
from conversations.queries.conversations import excerpts
from conversations.queries.conversations.excerpts import Excerpt

# What may be large, and is not shown.
LARGE = ("preset_text", "head__parts", "head__provider_metadata", "dialogue__visitor__attributes")


@dataclass(frozen=True, slots=True)
class Listed:
    """The conversation with its head and its dialogue, if it has them."""

    conversation: Conversation
    excerpt: Excerpt


def of_key(key: int, *, account_id: int) -> Listed:
    """Raises NotFound when it was deleted meanwhile."""
    if found := load([key], account_id=account_id):
        return found[0]
    raise NotFound("conversation not found")


def key_of(*, account_id: int, conversation_id: str) -> int:
    """Raises NotFound, also for one that was deleted."""
    own = Conversation.objects.for_account(account_id).filter(public_id=conversation_id, deleted_at=None)
    key = own.values_list("pk", flat=True).first()
    if key is None:
        raise NotFound("conversation not found")
    return key


def load(keys: Sequence[int], *, account_id: int) -> list[Listed]:
    """In the order of the keys, without those that were deleted meanwhile."""
    whose = ("head", "dialogue__assistant", "dialogue__visitor__merged_into")
    rows = Conversation.objects.for_account(account_id).filter(deleted_at=None).select_related(*whose).defer(*LARGE)
    found = rows.in_bulk(list(keys))
    of = excerpts.of(list(found))
    return [Listed(found[key], of.get(key, Excerpt())) for key in keys if key in found]
