"""Searching an account's visitors by several conditions at once, for the Yuju family.

What a column has exactly is found by its index. Any other condition is compared with each of the newest visitors, of
those that have it or of all: as far as a page with a filter looks (`queries/keyset.py`).
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce

from conversations.models import Visitor, VisitorIdentity
from conversations.queries.keyset import Within, keyset_page
from conversations.values.visitors import Condition, VisitorField, VisitorFilter

MOST = 100
COLUMNS = {
    VisitorField.ID: "public_id",
    VisitorField.NAME: "name",
    VisitorField.EMAIL: "email",
    VisitorField.MOBILE: "mobile",
    VisitorField.CREATED_AT: "created_at",
    VisitorField.CHANGED_AT: "changed_at",
}
INDEXED = (VisitorField.NAME, VisitorField.EMAIL, VisitorField.MOBILE)
EXACT = (VisitorField.ID, VisitorField.EXTERNAL_ID)
# The look-up, and whether it is the opposite that is asked for.
LOOKUPS = {
    Condition.EQUAL: ("exact", False),
    Condition.NOT_EQUAL: ("exact", True),
    Condition.CONTAIN: ("contains", False),
    Condition.NOT_CONTAIN: ("contains", True),
    Condition.BEGIN_WITH: ("startswith", False),
    Condition.EMPTY: ("exact", False),
    Condition.NOT_EMPTY: ("exact", True),
    Condition.GREATER: ("gt", False),
    Condition.LESS: ("lt", False),
}


def search(*, account_id: int, filters: Sequence[VisitorFilter]) -> list[Visitor]:
    """The newest MOST at most that fit all of `filters`, the newest first."""
    exact = [one for one in filters if one.condition is Condition.EQUAL]
    leading = next((one for one in exact if one.field in INDEXED and one.value), None)
    if any(one.field in EXACT for one in exact):
        # It names one visitor.
        return list(_narrowed(filters, account_id=account_id).filter(account=account_id)[:MOST])
    # The leading one is the page's own: said twice, it would seem to find fewer than it does.
    others = [one for one in filters if one is not leading]
    page = keyset_page(
        _narrowed(others, account_id=account_id),
        account_id=account_id,
        cursor=None,
        limit=MOST,
        within=_within(leading) if leading else None,
        is_filtered=bool(others),
    )
    return page.rows


def _within(leading: VisitorFilter) -> Within:
    column = COLUMNS[leading.field]
    return Within(column, str(leading.value), ~Q(**{column: ""}) & Q(deleted_at=None))


def _narrowed(filters: Sequence[VisitorFilter], *, account_id: int) -> QuerySet[Visitor]:
    rows: QuerySet[Visitor] = Visitor.objects.filter(deleted_at=None)
    for at, one in enumerate(filters):
        rows = _narrowed_by(rows, one, f"attribute_{at}", account_id=account_id)
    return rows


def _narrowed_by(rows: QuerySet[Visitor], one: VisitorFilter, alias: str, *, account_id: int) -> QuerySet[Visitor]:
    lookup, is_opposite = LOOKUPS[one.condition]
    if one.field is VisitorField.EXTERNAL_ID:
        condition = _has_id(one, lookup, account_id=account_id)
    else:
        name = COLUMNS.get(one.field)
        if name is None:
            rows, name = rows.alias(**{alias: _attribute(one.name)}), alias
        condition = Q(**{f"{name}__{lookup}": one.value})
    return rows.filter(~condition if is_opposite else condition)


def _has_id(one: VisitorFilter, lookup: str, *, account_id: int) -> Q:
    """Any of the customer's ids of it."""
    ids = VisitorIdentity.objects.for_account(account_id)
    if one.condition is Condition.EQUAL:
        return Q(pk__in=ids.filter(external_id=one.value).values("visitor"))
    own = ids.filter(visitor=OuterRef("pk"))
    if one.condition.takes_value:
        return Q(Exists(own.filter(**{f"external_id__{lookup}": one.value})))
    # `not_empty` is its opposite.
    return ~Q(Exists(own))


def _attribute(name: str) -> Any:
    """As a text, "" where there is none. Not the ORM's own look-up, which takes the digits of a name for a place."""
    text = Func(F("attributes"), Value(name), function="jsonb_extract_path_text", output_field=TextField())
    return Coalesce(text, Value(""), output_field=TextField())
