"""Counts the rows that any turn may create. The sweep does it, so that no turn has to.

Each sweep goes on behind the last row that was counted: of three million conversations it reads only the new ones. A
row is counted some seconds after it was created, because ids are assigned before their rows become visible, and a row
that becomes visible behind the last counted one would never be counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max, Model
from django.db.models.functions import Now

from conversations.models import Account, Conversation, IdempotencyKey, Tally, Visitor
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import rows

# Longer than a statement or transaction that creates such a row may take.
SETTLED_AFTER = timedelta(seconds=10)
# The most rows of one sweep: about 50 ms. Rows older than the tallies themselves are counted over many sweeps.
BATCH_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Counted:
    """A table whose rows are counted, and the column of their accounts' rows that has their number."""

    model: type[Model]
    column: str


TABLES = {
    "conversations": Counted(Conversation, "conversations_kept"),
    "idempotency_keys": Counted(IdempotencyKey, "idempotency_keys_kept"),
    "visitors": Counted(Visitor, "visitor_count"),
}

# Adds the rows of one batch to their accounts' counts. Locks those accounts' rows.
_COUNT = """
WITH created AS (
  SELECT account_id, count(*) AS number FROM {table} WHERE id > %(after)s AND id <= %(until)s GROUP BY account_id
)
UPDATE conversations_account a SET {column} = a.{column} + created.number FROM created WHERE a.id = created.account_id
"""
# Locks the keys, then their accounts' rows.
_DELETE_KEYS = """
WITH deleted AS (
  DELETE FROM conversations_idempotencykey WHERE {condition} RETURNING account_id
), counted AS (
  SELECT account_id, count(*) AS number FROM deleted GROUP BY account_id
), subtracted AS (
  UPDATE conversations_account a SET idempotency_keys_kept = a.idempotency_keys_kept - counted.number
  FROM counted WHERE a.id = counted.account_id
)
SELECT count(*) FROM deleted
"""
# Compared once the key is locked: it may have been taken anew meanwhile, for another run.
_EXPIRED = "id = ANY(%(pks)s) AND created_at < statement_timestamp() - %(lifetime)s::interval"
_OF_RUNS = "run_id = ANY(%(runs)s)"


def count() -> None:
    """One batch of each table."""
    for name in TABLES:
        _count(name)


@retry_on_deadlock
def _count(name: str) -> None:
    with transaction.atomic():
        Tally.objects.bulk_create([Tally(name=name)], ignore_conflicts=True)
        tally = (
            Tally.objects.select_for_update()
            .annotate(settled_at=F("seen_at") + SETTLED_AFTER, now=Now())
            .get(name=name)
        )
        if tally.settled_at > tally.now:
            return
        until = _end_of_batch(TABLES[name].model, tally)
        _add(name, after=tally.counted_to, until=until)
        Tally.objects.filter(pk=tally.pk).update(counted_to=until)
        if until == tally.seen_to:
            newest = TABLES[name].model._default_manager.aggregate(newest=Max("pk"))["newest"]
            Tally.objects.filter(pk=tally.pk).update(seen_to=max(until, newest or 0), seen_at=Now())


@retry_on_deadlock
def count_at_once() -> None:
    """Counts everything that is not counted yet, however young: for who has just created very many rows.

    Nobody can create a row of a table while its rows are counted, which takes a second for two million.
    """
    for name, counted in TABLES.items():
        table = counted.model
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {table._meta.db_table} IN SHARE MODE")
            Tally.objects.bulk_create([Tally(name=name)], ignore_conflicts=True)
            tally = Tally.objects.select_for_update().get(name=name)
            newest = table._default_manager.aggregate(newest=Max("pk"))["newest"] or 0
            until = max(newest, tally.counted_to)
            _add(name, after=tally.counted_to, until=until)
            Tally.objects.filter(pk=tally.pk).update(counted_to=until, seen_to=max(until, tally.seen_to))


def _end_of_batch(table: type[Model], tally: Tally) -> int:
    """The id of the batch's last row. Ids have wide gaps: a turn in an existing conversation uses one up."""
    uncounted = table._default_manager.filter(pk__gt=tally.counted_to, pk__lte=tally.seen_to).order_by("pk")
    return uncounted.values_list("pk", flat=True)[BATCH_ROWS - 1 : BATCH_ROWS].first() or tally.seen_to


def _add(name: str, *, after: int, until: int) -> None:
    counted = TABLES[name]
    sql = _COUNT.format(table=counted.model._meta.db_table, column=counted.column)
    with connection.cursor() as cursor:
        cursor.execute(sql, {"after": after, "until": until})


def subtract_conversations(*, account_id: int, number: int = 1) -> None:
    """To be called in the transaction that deletes them."""
    Account.objects.filter(pk=account_id).update(conversation_count=F("conversation_count") - number)


def delete_visitor(*, visitor_id: int) -> int:
    """Deletes the row, to which nothing may point any more, and subtracts it if it was counted; how many it were.

    To be called in a transaction. Whoever counts waits for this transaction, or this one for the end of the count.
    """
    found = Visitor.objects.filter(pk=visitor_id).values_list("account_id", flat=True).first()
    deleted = rows.delete(Visitor, [visitor_id])
    if found is not None and deleted:
        tally = Tally.objects.select_for_update(no_key=True).filter(name="visitors").first()
        if tally is not None and visitor_id <= tally.counted_to:
            Account.objects.filter(pk=found).update(visitor_count=F("visitor_count") - 1)
    return deleted


def delete_expired_keys(*, pks: list[int], lifetime: timedelta) -> int:
    """Deletes idempotency keys, subtracts them, and returns their number. A key that was created anew stays."""
    return _delete_keys(_EXPIRED, {"pks": pks, "lifetime": lifetime})


def delete_keys_of_runs(*, run_ids: Sequence[int]) -> None:
    """Deletes the idempotency keys that stand for these runs, and subtracts them."""
    _delete_keys(_OF_RUNS, {"runs": list(run_ids)})


def _delete_keys(condition: str, parameters: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_KEYS.format(condition=condition), parameters)
        return int(cursor.fetchone()[0])
