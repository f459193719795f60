"""Compares what the ledger, the balances and the active runs say, one account after another. It repairs nothing."""

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from conversations.models import Account, ActiveRun, Balance, LedgerDifference, LedgerEntry, Upkeep
from conversations.services import one_by_one, upkeep
from conversations.services.money import comparison

log = structlog.get_logger(__name__)

NAME = "reconcile"
# After midnight, UTC.
AT_NIGHT = timedelta(hours=2)
# A process that has gone on to no further account for so long is dead, and another one begins anew.
LOST_AFTER = timedelta(minutes=30)
RENEW_SECONDS = 60.0
ACCOUNTS = 1_000

# Of several processes one takes the night's turn, once the last is over; or the turn of one that is dead.
TAKE_TURN = """
INSERT INTO conversations_upkeep AS u (name, begun_at) VALUES (%(name)s, statement_timestamp())
ON CONFLICT (name) DO UPDATE SET begun_at = statement_timestamp()
WHERE CASE WHEN (u.finished_at >= u.begun_at) IS TRUE
           THEN u.begun_at < date_trunc('day', statement_timestamp() - %(at)s::interval) + %(at)s::interval
           ELSE GREATEST(u.begun_at, u.resumed_at) < statement_timestamp() - %(lost)s::interval END
RETURNING id
"""


def is_due() -> bool:
    """Whether this process is to reconcile now: once a night, whatever the number of processes."""
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {"name": NAME, "at": AT_NIGHT, "lost": LOST_AFTER}
        cursor.execute(TAKE_TURN, parameters)
        return cursor.fetchone() is not None


def reconcile() -> int:
    """The number of differences. Those of an account take the place of its last ones, and each is logged.

    Safe to break off, and to repeat. No transaction is longer than one account's differences take.
    """
    found: list[int] = []
    one_by_one.each(NAME, _renewing(_accounts()), lambda account: found.append(_compare(account)), key=str)
    upkeep.note_finished(name=NAME)
    log.info("ledger_reconciled", differences=sum(found))
    return sum(found)


def _renewing(account_ids: Iterable[int]) -> Iterator[int]:
    """Says from time to time that this process goes on."""
    renewed = time.monotonic()
    for account_id in account_ids:
        if time.monotonic() - renewed > RENEW_SECONDS:
            Upkeep.objects.filter(name=NAME).update(resumed_at=Now())
            renewed = time.monotonic()
        yield account_id


def _accounts() -> Iterator[int]:
    """All that have any money, or had."""
    own = {"account": OuterRef("pk")}
    has_money = (
        Exists(Balance.objects.filter(**own))
        | Exists(LedgerEntry.objects.filter(**own))
        | Q(pk__in=ActiveRun.objects.filter(reserved__isnull=False).values("account"))
    )
    accounts, last = Account.objects.filter(has_money).order_by("pk").values_list("pk", flat=True), 0
    while keys := list(accounts.filter(pk__gt=last)[:ACCOUNTS]):
        yield from keys
        last = keys[-1]


def _compare(account_id: int) -> int:
    differences = comparison.differences(account_id=account_id)
    earlier = LedgerDifference.objects.filter(account=account_id)
    if not differences and not earlier.exists():
        return 0
    with transaction.atomic():
        earlier.delete()
        # Another process may compare at the same moment, and have found the same.
        LedgerDifference.objects.bulk_create(differences, ignore_conflicts=True)
    for difference in differences:
        log.error(
            "ledger_differs",
            account_id=account_id,
            what=difference.what,
            run=difference.run_key or None,
            expected=str(difference.expected),
            found=str(difference.found),
        )
    return len(differences)
