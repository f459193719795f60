"""The longest conversation: some of it is sent again, and then it is erased while others ask."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from statistics import median

import requests

from tests.bench.growth import Measured, rows
from tests.bench.growth.callers import Admin, Caller
from tests.bench.growth.rows import Longest
from tests.bench.load.script import Script
from tests.bench.load.wire_parsers import MODEL
from tests.bench.service import accounting
from tests.bench.service.environment import Environment
from tests.bench.service.programs import BenchFailed

RESENT_MESSAGES, RESENDS = 4, 3
# As many as ask in the conversation while it is erased; were they to wait, more than enough to fill a pool.
WAITING = 8
ERASED_WITHIN_SECONDS = 300.0
LIST = "/admin/conversations/conversation/"


def resent(environment: Environment, caller: Caller, longest: Longest) -> Measured:
    """A turn on /v1 that brings the last few messages of the conversation and a new question."""
    times, cpu = [], []
    before = accounting.memory_mb(environment.service)["web"]
    for number in range(RESENDS):
        with environment.database() as connection:
            known = rows.newest_messages(connection, longest.pk, number=RESENT_MESSAGES)
        question = {"role": "user", "content": Script().question(f"r{number:06d}")}
        environment.wait_until_calm()
        sample, began = environment.sample(), time.monotonic()
        fields = {"model": MODEL, "messages": [*known, question]}
        answer = caller.post("/v1/chat/completions", fields, headers={"X-Conversation-Id": longest.public_id})
        answer.raise_for_status()
        times.append((time.monotonic() - began) * 1000)
        cpu.append(environment.cost_since(sample).service["web"] * 1000)
    return {
        "last four sent again: ms": median(times),
        "last four sent again: web CPU ms": median(cpu),
        "last four sent again: web MB more": accounting.memory_mb(environment.service)["web"] - before,
    }


def deleted(environment: Environment, admin: Admin, caller: Caller, longest: Longest) -> Measured:
    """Eight turns ask in the conversation while it is erased, and others in conversations of their own."""
    is_over = threading.Event()
    with ThreadPoolExecutor(WAITING + 2) as threads:
        token = admin.token(LIST)
        began = time.monotonic()
        deletion = threads.submit(_delete, environment, admin, longest, token)
        _wait_until_deleted(environment, deletion, longest)
        waiting = [threads.submit(_ask, caller, longest.public_id) for _ in range(WAITING)]
        unrelated = threads.submit(_ask_until, caller, is_over)
        try:
            answered, erased = deletion.result()
            answers = [one.result() for one in waiting]
        finally:
            is_over.set()
        others = unrelated.result()
    return {
        "deletion: the admin's answer, ms": (answered - began) * 1000,
        "deletion: until all rows are gone, ms": (erased - began) * 1000,
        "deletion: longest wait of another conversation's turn, ms": max(wait for wait, _ in others),
        "deletion: turns of others that failed": float(sum(status != requests.codes.ok for _, status in others)),
        "deletion: longest wait of its own turns, ms": max(wait for wait, _ in answers),
    }


def _delete(environment: Environment, admin: Admin, longest: Longest, token: str) -> tuple[float, float]:
    """When the admin answered, and when the rows were gone."""
    chosen = {"action": "delete_conversations", "_selected_action": longest.pk, "confirmed": "yes"}
    # It may take longer than a request may.
    with suppress(requests.RequestException):
        admin.post(LIST, chosen, token=token)
    answered = time.monotonic()
    with environment.database() as connection:
        while not rows.is_erased(connection, longest.pk):
            if time.monotonic() > answered + ERASED_WITHIN_SECONDS:
                raise BenchFailed("the conversation was not erased")
            time.sleep(0.02)
    return answered, time.monotonic()


def _wait_until_deleted(environment: Environment, deletion: "Future[tuple[float, float]]", longest: Longest) -> None:
    """A turn that comes before that makes the conversation busy, and it is not deleted."""
    with environment.database() as connection:
        while not deletion.done() and not rows.is_deleted(connection, longest.pk):
            time.sleep(0.005)


def _ask(caller: Caller, conversation_id: str = "") -> tuple[float, int]:
    """How long the turn took, in milliseconds, and its status."""
    known = {"id": conversation_id} if conversation_id else {}
    fields = {"model": MODEL, "question": Script().question("d000000"), "stateful": True, **known}
    began = time.monotonic()
    status = 0
    with suppress(requests.RequestException):
        status = caller.post("/aichat/conversations", fields).status_code
    return (time.monotonic() - began) * 1000, status


def _ask_until(caller: Caller, is_over: threading.Event) -> list[tuple[float, int]]:
    answers = [_ask(caller)]
    while not is_over.is_set():
        answers.append(_ask(caller))
    return answers
