"""A call that waits for a lock which the test holds."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection, transaction

from conversations.models import Conversation
from tests.waiting import eventually

Locked = TypeVar("Locked")


def conversation(public_id: str = "thread") -> Conversation:
    """Locked for the rest of the transaction."""
    return Conversation.objects.select_for_update().get(public_id=public_id)


@contextmanager
def waited_for(lock: Callable[[], Locked], *, by: Callable[[], object]) -> Iterator[Locked]:
    """In a transaction that `lock` begins. Inside, `by` waits for it on another connection; afterwards it has returned.

    Nothing else in the database may wait meanwhile.
    """
    late = threading.Thread(target=hung_up, args=(by,))
    with transaction.atomic():
        locked = lock()
        late.start()
        eventually(_somebody_waits, bool)
        yield locked
    late.join(30)
    assert not late.is_alive()


@contextmanager
def open_elsewhere() -> Iterator[None]:
    """Another connection has a transaction that has written something, and does not end inside."""
    is_open, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            # Gives it a number.
            cursor.execute("SELECT pg_current_xact_id()")
            is_open.set()
            may_end.wait(60)

    thread = threading.Thread(target=hung_up, args=(hold,))
    thread.start()
    try:
        assert is_open.wait(30)
        yield
    finally:
        may_end.set()
        thread.join(30)


def hung_up(call: Callable[[], object]) -> object:
    """What a call in a thread returns, when the thread's connection is closed again."""
    try:
        return call()
    finally:
        connection.close()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])
