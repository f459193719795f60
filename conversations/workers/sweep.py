"""The sweep: its duties, done every few seconds, make every accepted run end, whatever has died meanwhile.

Every duty is a conditional change, so two sweeps at once do no harm. The lock spares the second one the work.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, connection, transaction

from conversations import broker
from conversations.services import one_by_one, upkeep
from conversations.services.accounts import run_places, tallies
from conversations.services.knowledge import jobs
from conversations.services.runs import accept, fair_shares, readers
from conversations.services.runs.tools import lost_calls, pausing, steps
from conversations.services.visitors import dialogues
from conversations.services.webhooks import deliveries
from conversations.workers import erasures
from conversations.workers.runs import queued, recovery

# Any number that no other job of this database uses.
SWEEP_LOCK = 7_206_001
BATCH = 500
# How long after its end a run that is not stored is left to its reader, who has it erased once it is read.
UNREAD_FOR = accept.KEEP_UNREAD

# Where the next sweep of this process goes on. Another one begins anew.
_looked_to = {"step": 0}


def sweep() -> None:
    """One round, unless another sweep is in the middle of one. The duties after one that fails are done too."""
    with _lock() as is_ours:
        if is_ours:
            _round()


@contextmanager
def _lock() -> Iterator[bool]:
    """Whether no other sweep of this database is in the middle of a round; none begins one inside.

    The lock belongs to a connection of its own, because duties close theirs when they fail. It is a transaction's: so
    it ends with the connection, and also holds behind a pooler that gives each transaction another connection. Between
    statements such a transaction keeps nothing from being vacuumed.
    """
    own = connection.copy()
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SWEEP_LOCK])
            is_ours = bool(cursor.fetchone()[0])
        yield is_ours
    finally:
        # The pool would take it back in the middle of its transaction, too, but with a warning.
        with suppress(DatabaseError):
            own.rollback()
        own.close()


def _round() -> None:
    with transaction.atomic():
        are_reliable = upkeep.begin(name=upkeep.SWEEP)
        abandoned = list(recovery.abandoned(are_leases_reliable=are_reliable)[:BATCH])
        abandoned_jobs = list(jobs.abandoned(are_leases_reliable=are_reliable)[:BATCH])
        timed_out = list(queued.timed_out()[:BATCH])
    duties: dict[str, Callable[[], object]] = {
        "recover": lambda: recovery.recover(abandoned),
        "time_out": lambda: one_by_one.each("time_out", timed_out, queued.time_out, key=lambda row: row.run.public_id),
        "wake_again": queued.resend_lost_wake_ups,
        "wake_held": lambda: fair_shares.wake_held(most=BATCH),
        "renew_places": run_places.renew,
        "count": tallies.count,
        "erase": lambda: readers.forget(unread_for=UNREAD_FOR, limit=BATCH),
        "expire_approvals": _expire_approvals,
        "erase_steps": _erase_steps,
        "end_lost_calls": lambda: lost_calls.end(most=BATCH),
        "finish_dialogues": lambda: dialogues.finish_each(most=BATCH),
        "wake_deliveries": _wake_deliveries,
        "wake_erasures": erasures.wake,
        "recover_documents": lambda: jobs.recover_each(abandoned_jobs),
        "wake_indexing": _wake_indexing,
    }
    done = [one_by_one.try_step("sweep", name, duty) for name, duty in duties.items()]
    if all(done):
        upkeep.note_finished(name=upkeep.SWEEP)


def _expire_approvals() -> None:
    rows = list(pausing.expired()[:BATCH])
    one_by_one.each("expire_approval", rows, pausing.expire, key=lambda row: row.run.public_id)


def _erase_steps() -> None:
    _looked_to["step"] = steps.forget(after=_looked_to["step"])


def _wake_deliveries() -> None:
    """Retries that are due, deliveries whose wake-up was lost, and deliveries whose sender died."""
    deliveries.note_due()
    if deliveries.are_due():
        broker.wake_deliveries()


def _wake_indexing() -> None:
    """Documents that are due: whose pause is over, or whose wake-up was lost."""
    if jobs.are_due():
        broker.wake_indexing()
