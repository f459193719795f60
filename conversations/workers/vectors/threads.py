"""The threads of the knowledge worker that make vectors: some answer searches, others go through new passages.

The local model and the vendors have threads of their own: a vendor that does not answer holds up no local vector.
"""

import os
import sys
import threading
from collections.abc import Callable
from threading import Event, Thread

from django.db import connection

from conversations.services import one_by_one
from conversations.stores import nearest_passages, redis_clients
from conversations.stores.nearest_passages import Kind
from conversations.workers.vectors import passages, questions

# Those that ask a vendor mostly wait. The local model takes a core.
QUESTION_THREADS = {Kind.LOCAL: 1, Kind.VENDOR: 4}
PASSAGE_THREADS = {Kind.LOCAL: 1, Kind.VENDOR: 2}
TAKE_SECONDS = 1.0
IDLE_SECONDS = 2.0
AFTER_FAILURE_SECONDS = 1.0
# As reading documents.
NICENESS = 10

_is_stopping = Event()
# The account whose question was taken last: another's is next.
_answered: dict[Kind, int] = {}


def start() -> None:
    for kind in Kind:
        _begin(_run_questions, kind, name="questions", number=QUESTION_THREADS[kind])
        _begin(_run_passages, kind, name="vectors", number=PASSAGE_THREADS[kind])


def _begin(run: Callable[[Kind], None], kind: Kind, *, name: str, number: int) -> None:
    for place in range(number):
        Thread(target=run, args=(kind,), name=f"{name}-{kind}-{place}", daemon=True).start()


def drain() -> None:
    """No new work. Vectors of a batch in the middle are made again by another process."""
    _is_stopping.set()


def _run_questions(kind: Kind) -> None:
    if kind is Kind.LOCAL:
        one_by_one.try_step("vectors", "warm", questions.warm)
    while not _is_stopping.is_set():
        if not one_by_one.try_step("vectors", f"questions-{kind}", lambda: serve_once(kind)):
            _is_stopping.wait(AFTER_FAILURE_SECONDS)


def serve_once(kind: Kind, *, seconds: float = TAKE_SECONDS) -> None:
    client = redis_clients.client()
    nearest_passages.serve(client)
    taken = nearest_passages.take(client, kind, seconds=seconds, after=_answered.get(kind))
    if taken is None:
        # Kept from question to question: opening one takes longer than comparing 20,000 vectors.
        connection.close()
        return
    question_id, question = taken
    _answered[kind] = question.account_id
    try:
        reply = questions.answer(question)
    except Exception:
        connection.close()
        raise
    nearest_passages.reply(client, question_id, reply)


def _run_passages(kind: Kind) -> None:
    _step_back()
    while not _is_stopping.is_set():
        if not one_by_one.try_step("vectors", f"passages-{kind}", lambda: _make(kind)):
            _is_stopping.wait(AFTER_FAILURE_SECONDS)


def _step_back() -> None:
    """Questions, which somebody waits for, get the processor first: a passage of the local model takes a second of it.

    Linux alone has a niceness for each thread.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _make(kind: Kind) -> None:
    try:
        if not passages.make_batch(kind):
            _is_stopping.wait(IDLE_SECONDS)
    finally:
        connection.close()
