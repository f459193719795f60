"""Writes a wave while the next one is made: PostgreSQL and Python each take half of the time."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, transaction

from conversations.services.sample_data import money, webhooks
from conversations.services.sample_data.context import people
from conversations.services.sample_data.copying import copy_rows
from conversations.services.sample_data.wave import TABLES, Wave
from conversations.services.transactions import retry_on_deadlock


class Writer:
    """One wave at a time, so that no more than two are in memory."""

    def __init__(self, threads: ThreadPoolExecutor | None) -> None:
        self._threads = threads
        self._pending: Future[None] | None = None

    def write(self, wave: Wave) -> None:
        """Returns as soon as the wave before it is written. Raises what the database refused of that one."""
        if self._threads is None:
            _write(wave)
            return
        self.finish()
        self._pending = self._threads.submit(_write, wave)

    def finish(self) -> None:
        if self._pending:
            self._pending.result()


@contextmanager
def writer() -> Iterator[Writer]:
    """Inside a transaction of the caller's only its own connection may write, so that nothing is done at once there."""
    if connection.in_atomic_block:
        yield Writer(None)
        return
    with ThreadPoolExecutor(1) as threads:
        try:
            opened = Writer(threads)
            yield opened
            opened.finish()
        finally:
            threads.submit(_close).result()


def _close() -> None:
    """The connection of the thread that calls this."""
    connection.close()


@retry_on_deadlock
def _write(wave: Wave) -> None:
    """The links between the rows are checked here, and not only at the end of an outer transaction."""
    with transaction.atomic():
        # In the order of locks: visitors, balances, then the accounts' event numbers.
        people.mark_seen(wave)
        money.pay(wave)
        webhooks.number_events(wave)
        for model in TABLES:
            copy_rows(model, wave.rows[model])
        connection.check_constraints()
