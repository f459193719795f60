"""What an account has used: sums from the tables of usage, and what has ended since they were last added to.

Both are read in one snapshot, so a run is counted exactly once, from the moment when its end can be seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Collate

from conversations import errors
from conversations.models import ApiKey, Conversation, Tally, UsageOfConversation, UsageOfDay
from conversations.queries import moments
from conversations.queries.keyset import LOOKED_THROUGH, NO_KEY, find_key
from conversations.queries.money import current_prices, ended_attempts, usage_cursor
from conversations.queries.money.usage_cursor import Group
from conversations.rules.money import usage_lines
from conversations.rules.prices.price_book import PriceBook
from conversations.values.usage import (
    AMOUNTS,
    GROUPS,
    NUMBERS,
    SUMS,
    WITHOUT_KEY,
    Sums,
    UsageLine,
    UsageQuery,
    UsageRow,
)

# As the service counts usage (services/money/usage.py).
TALLY = "usage"
# What has ended and is not counted yet: of all accounts, and of one. It is what a few seconds bring, unless nothing
# counts any more; then no report is better than one that takes a minute.
UNCOUNTED_MAX, OWN_UNCOUNTED_MAX = 100_000, 5_000
ONE_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

NOTHING: Sums = {**dict.fromkeys(NUMBERS, 0), **dict.fromkeys(AMOUNTS, Decimal(0))}


@dataclass(frozen=True, slots=True)
class UsagePage:
    """`next_cursor` None: no rows follow. With groups of conversations a page may be short although more follow."""

    rows: list[UsageRow]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A query with the keys of what it names, and the group behind which the page begins."""

    query: UsageQuery
    groups: tuple[str, ...]
    key: int | None
    conversation: int | None
    after: Group

    @property
    def is_by_conversation(self) -> bool:
        return "conversation" in self.groups or self.conversation is not None


def page(query: UsageQuery, *, cursor: str | None, limit: int) -> UsagePage:
    """The groups of the latest conversations and days first, then by model and key.

    Raises InvalidRequest for a cursor of another query, and ServiceUnavailable when prices cannot be read or usage has
    not been counted for long.
    """
    groups = tuple(group for group in GROUPS if group in query.by)
    book = current_prices.book()
    with transaction.atomic():
        with connection.cursor() as snapshot:
            snapshot.execute(ONE_SNAPSHOT)
        wanted = _wanted(query, groups, cursor)
        last = _last_looked_through(wanted) if wanted.is_by_conversation else None
        counted = _counted(wanted, last=last, limit=limit + 1)
        uncounted = [line for line in _uncounted(query, book) if _fits(line, wanted, last)]
        found = usage_lines.grouped(uncounted, lambda line: usage_cursor.group_of(line, groups))
        for group, sums in counted:
            found[group] = usage_lines.added(found.get(group, {}), sums)
        shown = sorted(found, key=lambda group: usage_cursor.order(groups, group))[: limit + 1]
        rows = _rows(groups, [(group, found[group]) for group in shown[:limit]])
        following = _following(groups, shown, limit=limit, last=last)
    return UsagePage(rows, following)


def groups(query: UsageQuery) -> int:
    """How many rows all pages have together, of what is counted."""
    by = tuple(group for group in GROUPS if group in query.by)
    wanted = _wanted(query, by, None)
    columns = [usage_cursor.COLUMNS[group] for group in by]
    rows = _rows_of(wanted).annotate(sorted_model=F("model"))
    return int(rows.values(*columns).distinct().count())


def _wanted(query: UsageQuery, groups: tuple[str, ...], cursor: str | None) -> _Wanted:
    owned_keys = ApiKey.objects.for_account(query.account_id)
    owned_conversations = Conversation.objects.for_account(query.account_id)
    return _Wanted(
        query,
        groups,
        key=_key(query.key, owned_keys),
        conversation=None if query.conversation is None else find_key(owned_conversations, query.conversation),
        after=() if cursor is None else usage_cursor.load(cursor, groups, account_id=query.account_id),
    )


def _key(public_id: str | None, owned: QuerySet[ApiKey]) -> int | None:
    """0 is none, and -1 one that the account does not have."""
    if public_id is None:
        return None
    return NO_KEY if public_id == WITHOUT_KEY else find_key(owned, public_id) or -1


def _rows_of(wanted: _Wanted) -> QuerySet[Any]:
    query = wanted.query
    rows: QuerySet[Any]
    if wanted.is_by_conversation:
        rows = UsageOfConversation.objects.for_account(query.account_id)
        if wanted.conversation is not None:
            rows = rows.filter(conversation=wanted.conversation)
    else:
        rows = UsageOfDay.objects.for_account(query.account_id).filter(is_put_back=False)
    rows = rows.filter(day__gte=query.since, day__lte=query.until)
    if query.model is not None:
        rows = rows.filter(model=query.model)
    if wanted.key is not None:
        rows = rows.filter(api_key_key=wanted.key)
    return rows


def _counted(wanted: _Wanted, *, last: int | None, limit: int) -> list[tuple[Group, Sums]]:
    """The first groups behind the cursor."""
    # In the order of its bytes, as Python sorts: the database's own order may be another.
    rows = _rows_of(wanted).alias(sorted_model=Collate(F("model"), "C"))
    if last is not None:
        rows = rows.filter(conversation__gte=last)
    if wanted.after:
        rows = rows.filter(usage_cursor.behind(wanted.groups, wanted.after))
    columns = [usage_cursor.COLUMNS[group] for group in wanted.groups]
    named = {"sorted_model": Collate(F("model"), "C")} if "model" in wanted.groups else {}
    sums = {f"total_{name}": Sum(name) for name in SUMS}
    found = rows.annotate(**named).values(*columns).annotate(**sums).order_by(*usage_cursor.ordering(wanted.groups))
    return [
        (tuple(row[column] for column in columns), {name: row[f"total_{name}"] for name in SUMS})
        for row in found[:limit]
    ]


def _last_looked_through(wanted: _Wanted) -> int | None:
    """The conversation at which the page ends; None when fewer than LOOKED_THROUGH rows are left.

    The newest conversation that can have used anything by then is the newest one of that time.
    """
    if wanted.conversation is not None:
        return None
    query = wanted.query
    end = datetime.combine(query.until + timedelta(days=1), time(), UTC)
    _, before = moments.keys_between(Conversation, account_id=query.account_id, since=None, until=end)
    rows = UsageOfConversation.objects.for_account(query.account_id).filter(conversation__lt=before)
    if wanted.after:
        # Of a group's beginning its conversation is over.
        is_over = len(wanted.after) == 1
        rows = rows.filter(**{f"conversation__{'lt' if is_over else 'lte'}": wanted.after[0]})
    keys = rows.order_by("-conversation").values_list("conversation", flat=True)
    return next(iter(keys[LOOKED_THROUGH - 1 : LOOKED_THROUGH]), None)


def _uncounted(query: UsageQuery, book: PriceBook) -> Sequence[UsageLine]:
    """Raises ServiceUnavailable when there is too much of it."""
    counted_to = Tally.objects.filter(name=TALLY).values_list("counted_to", flat=True).first() or 0
    newest = ended_attempts.newest()
    if newest - counted_to > UNCOUNTED_MAX:
        raise errors.ServiceUnavailable
    batch = ended_attempts.read(
        after=counted_to, until=newest, most=OWN_UNCOUNTED_MAX + 1, book=book, account_id=query.account_id
    )
    if batch.read > OWN_UNCOUNTED_MAX:
        raise errors.ServiceUnavailable
    return batch.lines


def _fits(line: UsageLine, wanted: _Wanted, last: int | None) -> bool:
    """Whether `_counted` would have found it."""
    query = wanted.query
    if line.is_put_back or not query.since <= line.day <= query.until:
        return False
    if query.model not in (None, line.model) or wanted.key not in (None, line.api_key_key):
        return False
    if wanted.is_by_conversation:
        if line.conversation_id is None or wanted.conversation not in (None, line.conversation_id):
            return False
        if last is not None and line.conversation_id < last:
            return False
    group = usage_cursor.group_of(line, wanted.groups)
    return not wanted.after or usage_cursor.is_behind(wanted.groups, group, wanted.after)


def _following(groups: tuple[str, ...], shown: list[Group], *, limit: int, last: int | None) -> str | None:
    if len(shown) > limit:
        return usage_cursor.dump(groups, shown[limit - 1])
    return None if last is None else usage_cursor.dump(groups, (last,))


def _rows(groups: tuple[str, ...], found: list[tuple[Group, Sums]]) -> list[UsageRow]:
    """With public ids in place of keys, and without conversations that have been deleted meanwhile."""
    conversations, keys = _names(groups, found)
    rows = []
    for group, sums in found:
        of = dict(zip(groups, group, strict=True))
        if "conversation" in of and of["conversation"] not in conversations:
            continue
        key, name = keys.get(of.get("key"), (None, ""))
        rows.append(
            UsageRow(
                {**NOTHING, **sums},
                day=of.get("day"),
                model=of.get("model"),
                key=key,
                conversation=conversations.get(of.get("conversation")),
                key_name=name,
            )
        )
    return rows


def _names(
    groups: tuple[str, ...], found: list[tuple[Group, Sums]]
) -> tuple[dict[Any, str], dict[Any, tuple[str, str]]]:
    """The public ids of conversations that are not deleted, and of keys, with their names."""
    values = {group: {of[index] for of, _ in found} for index, group in enumerate(groups)}
    conversations, keys = values.get("conversation"), values.get("key")
    threads = Conversation.objects.filter(pk__in=conversations or (), deleted_at=None).values_list("pk", "public_id")
    named = ApiKey.objects.filter(pk__in=keys or ()).values_list("pk", "public_id", "name")
    return (
        dict(threads) if conversations else {},
        {pk: (public_id, name) for pk, public_id, name in named} if keys else {},
    )
