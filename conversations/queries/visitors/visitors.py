"""Visitors for their owners. One that was deleted, or merged into another, is not there any more."""

from django.db.models import Q, QuerySet

from conversations.errors import NotFound
from conversations.models import Visitor, VisitorIdentity
from conversations.queries.keyset import Page, Within, keyset_page

# Each of these has an index, over the visitors that have one.
SEARCHED = ("name", "email", "mobile")


def of_account(*, account_id: int) -> QuerySet[Visitor]:
    return Visitor.objects.for_account(account_id).filter(deleted_at=None)


def for_account(*, account_id: int, visitor_id: str) -> Visitor:
    """With its identities. Raises NotFound when the account has no such visitor."""
    found = of_account(account_id=account_id).filter(public_id=visitor_id).prefetch_related("identities").first()
    if found is None:
        raise NotFound("visitor not found")
    return found


def page(
    *, account_id: int, cursor: str | None, limit: int, external_id: str | None = None, **searched: str | None
) -> Page[Visitor]:
    """The newest first, with their identities. `searched`: by one of SEARCHED, whole and exactly.

    Raises InvalidRequest when `cursor` is not the id of a visitor of the account.
    """
    rows = Visitor.objects.filter(deleted_at=None).prefetch_related("identities")
    wanted = {name: value for name, value in searched.items() if value is not None}
    if external_id is not None:
        identities = VisitorIdentity.objects.for_account(account_id).filter(external_id=external_id)
        found = rows.filter(pk__in=identities.values("visitor"), account=account_id, **wanted)
        return Page(list(found), None)
    within = None
    for name, value in wanted.items():
        # One of them by its index. There are few visitors of one name, fewer of one address.
        within = Within(name, value, ~Q(**{name: ""}) & Q(deleted_at=None))
        rows = rows.filter(**{name: value})
    return keyset_page(
        rows, account_id=account_id, cursor=cursor, limit=limit, within=within, is_filtered=len(wanted) > 1
    )
