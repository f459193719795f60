"""Deletes old rows, in a thread of every upkeep process: beside the sweep, so that it delays none of its duties.

It works for no more than half of the time, so that turns have the database for the other half. What is left goes on in
the next round. Several processes do no harm to each other: each leaves out rows that another is about to delete.
"""

import time
from collections import Counter
from functools import partial
from threading import Event, Thread

import structlog
from django.db import connection

from conversations.services import one_by_one
from conversations.services.retention import batches
from conversations.services.retention.kinds import Kind, kinds

log = structlog.get_logger(__name__)

# Between rounds that found nothing more to do.
PAUSE_SECONDS = 10.0
# After so long a round ends and says what it did.
ROUND_SECONDS = 30.0

_is_stopping = Event()


def start() -> None:
    Thread(target=_run, name="retention", daemon=True).start()


def drain() -> None:
    """No new batch. One in the middle is undone when the process ends."""
    _is_stopping.set()


def _run() -> None:
    while not _is_stopping.is_set():
        if not one_by_one.try_step("retention", "round", _round):
            _is_stopping.wait(PAUSE_SECONDS)


def _round() -> None:
    try:
        is_done = delete_old(seconds=ROUND_SECONDS)
    finally:
        connection.close()
    if is_done:
        _is_stopping.wait(PAUSE_SECONDS)


def delete_old(*, seconds: float) -> bool:
    """One round, of about `seconds` at most, batch by batch in turn. True when no rows are left that are old enough."""
    began = time.monotonic()
    places: dict[Kind, object] = dict.fromkeys(kinds())
    deleted: Counter[str] = Counter()
    while places and not _is_stopping.is_set() and time.monotonic() < began + seconds:
        for kind in list(places):
            # A kind that fails has no further turn in this round.
            after = places.pop(kind)
            one_by_one.try_step("retention", kind.name, partial(_delete_batch, kind, after, places, deleted))
    if deleted:
        log.info("old_rows_deleted", seconds=round(time.monotonic() - began, 1), **deleted)
    return not places


def _delete_batch(kind: Kind, after: object, places: dict[Kind, object], deleted: Counter[str]) -> None:
    began = time.monotonic()
    batch = batches.delete_next(kind, after=after)
    if batch.deleted:
        deleted[kind.name] += batch.deleted
        _is_stopping.wait(time.monotonic() - began)
    if batch.last is not None:
        places[kind] = batch.last
