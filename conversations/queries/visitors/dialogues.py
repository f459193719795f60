"""The conversations of a visitor."""

from conversations.models import Conversation, Dialogue, Visitor
from conversations.queries.keyset import LAST_KEY, NO_KEY, Page, key_of
from conversations.queries.visitors import visitors

CURSOR = "is not the id of a conversation"


def page(*, account_id: int, visitor_id: str, cursor: str | None, limit: int) -> Page[Dialogue]:
    """The newest first. Raises NotFound, and InvalidRequest when `cursor` is no conversation of the account."""
    visitor = visitors.for_account(account_id=account_id, visitor_id=visitor_id)
    owned = Conversation.objects.for_account(account_id)
    upper = LAST_KEY if cursor is None else key_of(owned, cursor=cursor, parameter="cursor", problem=CURSOR)
    found = newest(visitor, before=upper, limit=limit + 1)
    shown = found[:limit]
    return Page(shown, shown[-1].conversation.public_id if len(found) > limit else None)


def newest(visitor: Visitor, *, before: int = LAST_KEY, limit: int) -> list[Dialogue]:
    """With their conversations and assistants."""
    # As two comparisons, so that it is answered by the visitor's part of an index: see queries/keyset.py.
    own = Dialogue.objects.filter(visitor__gte=visitor.pk, visitor__lte=visitor.pk, account=visitor.account_id)
    keys = own.filter(pk__gt=NO_KEY, pk__lt=before).order_by("visitor", "-pk").values("pk")[:limit]
    return list(Dialogue.objects.filter(pk__in=keys).select_related("conversation", "assistant").order_by("-pk"))
