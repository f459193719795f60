"""Counts what every turn may make, without a turn's counting: the sweep goes on from the row that it came to before.

Of three million conversations only those are looked at that have come since. They are counted some seconds after they
were made: ids are given out before their rows can be seen, and none may be passed by.
"""

from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max, Model
from django.db.models.functions import Now

from conversations.models import Account, Conversation, IdempotencyKey, Tally
from conversations.services.transactions import retry_on_deadlock

# Longer than a statement or transaction that makes such a row may take.
SETTLED_AFTER = timedelta(seconds=10)
# A round's share: about 50 ms. What was there before there were tallies is counted round by round.
ROWS = 50_000

TABLES: dict[str, type[Model]] = {"conversations": Conversation, "idempotency_keys": IdempotencyKey}

_COUNT = """
WITH made AS (
  SELECT account_id, count(*) AS number FROM {table} WHERE id > %(after)s AND id <= %(until)s GROUP BY account_id
)
UPDATE conversations_account a SET {column} = a.{column} + made.number FROM made WHERE a.id = made.account_id
"""
_FORGET = """
WITH gone AS (
  DELETE FROM conversations_idempotencykey
  WHERE id = ANY(%(pks)s) AND created_at < statement_timestamp() - %(lifetime)s::interval
  RETURNING account_id
), lost AS (SELECT account_id, count(*) AS number FROM gone GROUP BY account_id)
UPDATE conversations_account a SET idempotency_keys_kept = a.idempotency_keys_kept - lost.number
FROM lost WHERE a.id = lost.account_id
"""


def count() -> None:
    """One round for each table."""
    for name in TABLES:
        _count(name)


@retry_on_deadlock
def _count(name: str) -> None:
    with transaction.atomic():
        Tally.objects.bulk_create([Tally(of=name)], ignore_conflicts=True)
        tally = (
            Tally.objects.select_for_update().annotate(settled_at=F("seen_at") + SETTLED_AFTER, now=Now()).get(of=name)
        )
        if tally.settled_at > tally.now:
            return
        until = _last_of_round(TABLES[name], tally)
        _add(name, after=tally.counted_to, until=until)
        Tally.objects.filter(pk=tally.pk).update(counted_to=until)
        if until == tally.seen_to:
            newest = TABLES[name]._default_manager.aggregate(newest=Max("pk"))["newest"]
            Tally.objects.filter(pk=tally.pk).update(seen_to=max(until, newest or 0), seen_at=Now())


def _last_of_round(table: type[Model], tally: Tally) -> int:
    """Ids have wide gaps: a turn in a conversation that is there already uses one up."""
    uncounted = table._default_manager.filter(pk__gt=tally.counted_to, pk__lte=tally.seen_to).order_by("pk")
    return uncounted.values_list("pk", flat=True)[ROWS - 1 : ROWS].first() or tally.seen_to


def _add(name: str, *, after: int, until: int) -> None:
    sql = _COUNT.format(table=TABLES[name]._meta.db_table, column=f"{name}_kept")
    with connection.cursor() as cursor:
        cursor.execute(sql, {"after": after, "until": until})


def take_off_conversation(*, account_id: int) -> None:
    """Inside the transaction that deletes one."""
    Account.objects.filter(pk=account_id).update(conversations_kept=F("conversations_kept") - 1)


def forget_keys(*, pks: list[int], lifetime: timedelta) -> None:
    """Deletes idempotency keys that have expired, and takes them off. One taken again meanwhile stays."""
    parameters: dict[str, Any] = {"pks": pks, "lifetime": lifetime}
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, parameters)
