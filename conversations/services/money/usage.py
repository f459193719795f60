"""Adds what runs used and cost to the tables of usage, in batches, behind the turns: no turn has to (ADR 48).

Each attempt that has ended is a row with an id of its own, and ids grow. A batch reads those behind the last one that
was counted, and writes the sums and how far it came in one transaction: killed at any point, nothing is lost or counted
twice. An id is given out before its row can be seen, so only ids below which no transaction can still write are
counted (`Horizon`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet, Subquery
from django.db.models.functions import Coalesce

from conversations.models import RunAttempt, Tally, UsageOfConversation, UsageOfDay
from conversations.models.money.usage import UsageSums
from conversations.queries.money import current_prices, ended_attempts
from conversations.queries.money.ended_attempts import Batch
from conversations.rules.money import usage_lines
from conversations.rules.prices.price_book import PriceBook
from conversations.services import one_by_one
from conversations.stores import refusals
from conversations.values.usage import AMOUNTS, SUMS, Sums, UsageLine

TALLY = "usage"
# About 100 ms.
BATCH_ATTEMPTS = 1_000
# So long is waited for transactions that were running at the beginning: nearly all end in a millisecond.
SETTLE_SECONDS = 5.0
LOOK_SECONDS = 0.05

# The sequence first, then a transaction's number that is drawn for this alone: whoever has drawn one of the ids had its
# own number before, which is then smaller. The end of a snapshot would not do: it is the number after the last
# transaction that has ended, and one that goes on may have just that.
_LAST_ID = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM conversations_runattempt_id_seq"
_NEW_TRANSACTION = "SELECT pg_current_xact_id()::text::bigint"
_OLDEST_TRANSACTION = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

_ADD = """
INSERT INTO {table} AS t ({columns}, {sums})
SELECT {columns}, {given} FROM jsonb_to_recordset(%(rows)s::jsonb) AS g({types})
ON CONFLICT ({columns}) DO UPDATE SET {added}
"""
_DAY_COLUMNS = {
    "account_id": "bigint",
    "day": "date",
    "model": "text",
    "api_key_key": "bigint",
    "vendor": "text",
    "upstream_model": "text",
    "is_put_back": "boolean",
}
_CONVERSATION_COLUMNS = {
    "account_id": "bigint",
    "conversation_id": "bigint",
    "day": "date",
    "model": "text",
    "api_key_key": "bigint",
}


def _statement(model: type[UsageSums], columns: dict[str, str]) -> str:
    types = columns | {name: "numeric" if name in AMOUNTS else "bigint" for name in SUMS}
    return _ADD.format(
        table=model._meta.db_table,
        columns=", ".join(columns),
        sums=", ".join(SUMS),
        given=", ".join(f"COALESCE({name}, 0)" for name in SUMS),
        types=", ".join(f"{name} {kind}" for name, kind in types.items()),
        added=", ".join(f"{name} = t.{name} + EXCLUDED.{name}" for name in SUMS),
    )


_ADD_TO_DAYS = _statement(UsageOfDay, _DAY_COLUMNS)
_ADD_TO_CONVERSATIONS = _statement(UsageOfConversation, _CONVERSATION_COLUMNS)


def horizon_now() -> "Horizon":
    """Which attempts can be counted once the transactions that run now have ended."""
    return Horizon(_number(_LAST_ID), _number(_NEW_TRANSACTION))


class Horizon:
    """No attempt up to `last_id` can appear any more once no transaction with a smaller number is running."""

    def __init__(self, last_id: int, transaction_number: int) -> None:
        self.last_id = last_id
        self._transaction_number = transaction_number

    def is_reached(self) -> bool:
        return _number(_OLDEST_TRANSACTION) >= self._transaction_number

    def wait(self, *, pause: Callable[[float], object] = time.sleep) -> bool:
        """Whether it is reached within SETTLE_SECONDS. A `pause` that returns something true gives up."""
        give_up_at = time.monotonic() + SETTLE_SECONDS
        while not self.is_reached():
            if time.monotonic() > give_up_at or pause(LOOK_SECONDS):
                return False
        return True


def count_batch(*, until: int, most: int = BATCH_ATTEMPTS, waits: bool = False) -> int:
    """Counts the next attempts up to this id, and returns how many it has looked at: 0 when there are none.

    Also 0 while another process counts, unless it `waits` for that one. An attempt whose sums the database refuses is
    left out, and logged. Raises ServiceUnavailable when prices cannot be read, and DatabaseError for what is not about
    one attempt: then nothing is left out, however long that lasts.
    """
    book = current_prices.book()
    try:
        return _count(until, most, book, waits=waits)
    except DatabaseError as exc:
        if most == 1 or not refusals.is_of_the_row(exc):
            raise
    return count_batch(until=until, most=most // 2, waits=waits)


def count_all() -> bool:
    """Counts everything that had ended when this was called. For commands.

    False when a transaction that may still end a run goes on for longer than SETTLE_SECONDS. Raises as `count_batch`.
    """
    horizon = horizon_now()
    if not horizon.wait():
        return False
    while count_batch(until=horizon.last_id, waits=True):
        pass
    return True


@contextmanager
def locked() -> Iterator[None]:
    """In a transaction: nothing is counted until it ends. For whoever deletes from the tables of usage."""
    _ensure_tally()
    Tally.objects.select_for_update(no_key=True).get(name=TALLY)
    yield


def counted_attempts() -> QuerySet[RunAttempt]:
    """Those whose rows nothing needs any more to count usage."""
    return RunAttempt.objects.filter(pk__lte=_counted_to())


def uncounted_attempts() -> QuerySet[RunAttempt]:
    return RunAttempt.objects.filter(pk__gt=_counted_to())


def _counted_to() -> Coalesce:
    return Coalesce(Subquery(Tally.objects.filter(name=TALLY).values("counted_to")), 0)


def _count(until: int, most: int, book: PriceBook, *, waits: bool) -> int:
    with transaction.atomic():
        tally = _take_tally(waits=waits)
        if tally is None or tally.counted_to >= until:
            return 0
        batch = ended_attempts.read(after=tally.counted_to, until=until, most=most, book=book)
        if most > 1:
            _add(batch.lines)
        else:
            _add_unless_refused(batch)
        counted_to = batch.last if batch.last is not None and batch.read == most else until
        Tally.objects.filter(pk=tally.pk).update(counted_to=counted_to)
    return batch.read


def _add_unless_refused(batch: Batch) -> None:
    """Of one attempt. It is left out in the transaction that has found it: no other process can have counted it."""
    try:
        with transaction.atomic():
            _add(batch.lines)
    except DatabaseError as exc:
        if not refusals.is_of_the_row(exc):
            raise
        one_by_one.log_once("usage", f"attempt {batch.last}", exc)


def _take_tally(*, waits: bool) -> Tally | None:
    """Locked. None while another process counts, unless it `waits`."""
    _ensure_tally()
    return Tally.objects.select_for_update(skip_locked=not waits, no_key=True).filter(name=TALLY).first()


def _ensure_tally() -> None:
    if not Tally.objects.filter(name=TALLY).exists():
        Tally.objects.bulk_create([Tally(name=TALLY)], ignore_conflicts=True)


def add(lines: Sequence[UsageLine]) -> None:
    """What is used outside of runs, in the caller's transaction. At most one row is locked by each call of one line."""
    _add(lines)


def _add(lines: Sequence[UsageLine]) -> None:
    of_days = usage_lines.grouped(lines, lambda line: tuple(getattr(line, name) for name in _DAY_COLUMNS))
    stored = [line for line in lines if line.conversation_id is not None and not line.is_put_back]
    of_threads = usage_lines.grouped(stored, lambda line: tuple(getattr(line, name) for name in _CONVERSATION_COLUMNS))
    _write(_ADD_TO_DAYS, _DAY_COLUMNS, of_days)
    _write(_ADD_TO_CONVERSATIONS, _CONVERSATION_COLUMNS, of_threads)


def _write(statement: str, columns: dict[str, str], groups: dict[tuple[Any, ...], Sums]) -> None:
    if not groups:
        return
    # Decimals as text, and numbers of any length: JSON of orjson has neither.
    rows = [
        {**dict(zip(columns, group, strict=True)), **{name: str(value) for name, value in sums.items()}}
        for group, sums in groups.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, {"rows": orjson.dumps(rows).decode()})


def _number(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])
