"""The sweep: its duties, done every few seconds, make every accepted run end, whatever has died meanwhile.

Every duty is a conditional change, so two sweeps at once do no harm. The lock only spares the second one the work.
"""

from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction
from django.db.models.functions import Now

from conversations import broker
from conversations.models import Run
from conversations.services import one_by_one, upkeep
from conversations.services.accounts import tallies
from conversations.services.runs import fair_shares, readers
from conversations.services.webhooks import deliveries
from conversations.values.runs import TERMINAL
from conversations.workers.runs import queued, recovery

# Any number that no other job of this database uses.
SWEEP_LOCK = 7_206_001
BATCH = 500
# How long after its end a run that is not stored is left to its reader, who has it erased once it is read.
ERASE_AFTER_SECONDS = 600.0


def sweep() -> None:
    """One round, unless another sweep is in the middle of one. The duties after one that fails are done too."""
    with transaction.atomic():
        if not _try_lock():
            return
        abandoned = list(recovery.abandoned(are_leases_reliable=upkeep.begin(name=upkeep.SWEEP))[:BATCH])
        timed_out = list(queued.timed_out()[:BATCH])
    duties: dict[str, Callable[[], object]] = {
        "recover": lambda: recovery.recover(abandoned),
        "time_out": lambda: one_by_one.each("time_out", timed_out, queued.time_out, key=lambda run: run.public_id),
        "wake_again": queued.resend_lost_wake_ups,
        "wake_held": lambda: fair_shares.wake_held(most=BATCH),
        "count": tallies.count,
        "erase": _erase_unstored,
        "wake_deliveries": _wake_deliveries,
    }
    done = [one_by_one.try_step("sweep", name, duty) for name, duty in duties.items()]
    if all(done):
        upkeep.note_finished(name=upkeep.SWEEP)


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SWEEP_LOCK])
        return bool(cursor.fetchone()[0])


def _erase_unstored() -> None:
    """Erases request and answer of runs that are not stored, where no reader has had it done."""
    since = Now() - timedelta(seconds=ERASE_AFTER_SECONDS)
    unread = Run.objects.filter(
        conversation=None,
        status__in=TERMINAL,
        request__isnull=False,
        finished_at__lt=since,
        idempotency_keys=None,
        task=None,
    )
    readers.erase_unstored(run_ids=list(unread.values_list("pk", flat=True)[:BATCH]))


def _wake_deliveries() -> None:
    """Retries that are due, deliveries whose wake-up was lost, and deliveries whose sender died."""
    deliveries.note_due()
    if deliveries.are_due():
        broker.wake_deliveries()
