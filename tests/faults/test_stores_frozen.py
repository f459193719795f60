"""A store stands still for a while, without a word: nobody waits long, and nobody is told two things."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
import requests

from conversations.views.http import cached_check
from tests.fakes.replies import says
from tests.faults.harness import environment as stages
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import Stage
from tests.journeys.clients.aichat import MODEL, Api, eventually, new_id, refusal

# Of the service under test: short, so that the test is.
DATABASE_TIMEOUT = 2.0
# More than there are threads that ask the database.
CALLERS = 12


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("frozen")
    with stages.supervised(directory, env={"DATABASE_TIMEOUT": str(DATABASE_TIMEOUT)}) as stage:
        stage.begin_anew()
        yield stage


@contextmanager
def frozen(stage: Stage, role: str = "postgres") -> Iterator[None]:
    """The server and all its sessions are stopped, as a machine is that stands still."""
    pids = [
        process.pid
        for process in stage.service.processes()
        if process.role == role or process.args[0].startswith(f"{role}:")
    ]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def warm(api: Api) -> None:
    """Every connection of the web process has been made, and the key is known to it."""
    with ThreadPoolExecutor(CALLERS) as threads:
        answers = list(threads.map(lambda _: api.answer("Warm?", stateful=True), range(CALLERS)))
    assert len(answers) == CALLERS


def turns_of(stage: Stage, question: str) -> int:
    sql = "SELECT count(*) AS n FROM conversations_run WHERE request::text LIKE %s"
    return int(stage.rows.all(sql, f"%{question}%")[0]["n"])


def test_whoever_asks_is_refused_soon_and_nothing_of_it_is_stored_later(stage: Stage) -> None:
    warm(stage.api)
    question = f"Frozen {uuid.uuid4().hex}?"
    calls = [
        *[partial(stage.api.ask, question, stateful=True)] * CALLERS,
        partial(stage.api.ask, question),
        partial(stage.api.post, {"model": MODEL, "question": question}, headers={"Idempotency-Key": new_id()}),
        partial(stage.api.post, {"model": MODEL, "question": question, "stateful": True, "async": True}),
    ]

    with frozen(stage), ThreadPoolExecutor(len(calls)) as threads:
        refused = [asked.result() for asked in [threads.submit(call) for call in calls]]
        healthy = requests.get(f"{stage.service.base_url}/healthz", timeout=30)
        ready = requests.get(f"{stage.service.base_url}/readyz", timeout=30)

    assert {refusal(response)[:2] for response in refused} == {(503, "api_error")}
    assert {response.headers["Retry-After"] for response in refused} == {"5"}
    assert healthy.status_code == 200
    assert (ready.status_code, ready.json()["failing"]) == (503, ["database"])
    # It has come to all that it was sent meanwhile when what is asked now has been answered by every session.
    eventually(lambda: stage.api.ask("Thawed?").status_code, lambda status: status == 200)
    warm(stage.api)
    assert turns_of(stage, question) == 0


def test_an_answer_that_ends_meanwhile_is_stored_once(stage: Stage) -> None:
    question = f"Meanwhile {uuid.uuid4().hex}?"
    stage.plan(question, says("It ", "goes on.").stalled_after(2))
    caller = ask(stage.api, Way.STREAM, question, thread=new_id())
    eventually(lambda: caller.said, bool)

    with frozen(stage):
        stage.upstream.release()
        eventually(lambda: caller.said, lambda said: said == "It goes on.")

    assert caller.wait() is not None
    assert turns_of(stage, question) == 1
    (run,) = stage.rows.all("SELECT * FROM conversations_run WHERE request::text LIKE %s", f"%{question}%")
    assert (run["status"], run["attempt"]) == ("completed", 1)
    attempts = stage.rows.all("SELECT outcome FROM conversations_runattempt WHERE run_id = %s", run["id"])
    assert attempts == [{"outcome": "completed"}]
    assert len(stage.calls(question)) == 1


def test_without_redis_nobody_is_accepted_who_would_wait_and_what_is_polled_is(stage: Stage) -> None:
    question, later = f"Silent {uuid.uuid4().hex}?", f"Later {uuid.uuid4().hex}?"
    warm(stage.api)

    with frozen(stage, "valkey"), ThreadPoolExecutor(CALLERS) as threads:
        # One that was let in with the last good news may hang: it is nobody's here.
        eventually(lambda: requests.get(f"{stage.service.base_url}/readyz", timeout=30).status_code, lambda s: s == 503)
        time.sleep(cached_check.GOOD_SECONDS)
        waiting = [threads.submit(stage.api.ask, question, stateful=True) for _ in range(CALLERS)]
        refused = [asked.result() for asked in waiting]
        task = stage.api.post({"model": MODEL, "question": later, "stateful": True, "async": True})

    assert {refusal(response)[:2] for response in refused} == {(503, "api_error")}
    assert {response.headers["Retry-After"] for response in refused} == {"5"}
    assert turns_of(stage, question) == 0
    assert task.status_code == 200
    eventually(lambda: stage.api.ask("Back?").status_code, lambda status: status == 200)
    (run,) = stage.rows.all("SELECT id FROM conversations_run WHERE request::text LIKE %s", f"%{later}%")
    eventually(
        lambda: stage.rows.all("SELECT status FROM conversations_run WHERE id = %s", run["id"]),
        lambda rows: rows == [{"status": "completed"}],
        within=30,
    )
