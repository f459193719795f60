"""Counts usage, in a thread of every upkeep process: one of them at a time does it (services/money/usage.py)."""

import time
from threading import Event, Thread

import structlog
from django.db import connection

from conversations.services import one_by_one
from conversations.services.money import usage

# Between rounds. What has ended since the last one, a report reads by itself (queries/money/usage.py).
PAUSE_SECONDS = 2.0

WAITING = ("usage", "waiting")

log = structlog.get_logger(__name__)

_is_stopping = Event()


def start() -> None:
    Thread(target=_run, name="usage", daemon=True).start()


def drain() -> None:
    """No new batch. One in the middle is undone when the process ends."""
    _is_stopping.set()


def _run() -> None:
    while not _is_stopping.is_set():
        one_by_one.try_step("usage", "count", _round)
        _is_stopping.wait(PAUSE_SECONDS)


def _round() -> None:
    try:
        count()
    finally:
        connection.close()


def count() -> None:
    """All that can be counted now. Rests after each batch for as long as it took: turns get the database in between."""
    horizon = usage.horizon_now()
    if not horizon.wait(pause=_is_stopping.wait):
        _note_waiting()
        return
    one_by_one.known_failures.resolve(WAITING)
    while not _is_stopping.is_set():
        began = time.monotonic()
        if not usage.count_batch(until=horizon.last_id):
            return
        _is_stopping.wait(time.monotonic() - began)


def _note_waiting() -> None:
    """Some transaction of this server has written something and does not end: reports will be refused before long."""
    if not _is_stopping.is_set() and one_by_one.known_failures.is_new(WAITING):
        log.warning("usage_not_counted", reason="a transaction does not end")
