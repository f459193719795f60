"""A store is frozen for a while: nobody waits long, and nobody gets two different answers."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from conversations.views.http import cached_check
from tests.fakes.replies import Json, says
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.crashes import frozen
from tests.faults.harness.environment import Environment, supervised
from tests.journeys.clients.aichat import MODEL, Api, new_id, refusal
from tests.journeys.rows import RUNS
from tests.waiting import eventually

# Of the service under test; short, to keep the test short.
DATABASE_TIMEOUT = 2.0
# More than there are threads that ask the database.
CALLERS = 12


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    directory = tmp_path_factory.mktemp("frozen")
    with supervised(directory, env={"DATABASE_TIMEOUT": str(DATABASE_TIMEOUT)}) as environment:
        environment.reset()
        yield environment


def warm(api: Api) -> None:
    """Have the web process open all its connections and look the key up."""
    with ThreadPoolExecutor(CALLERS) as threads:
        answers = list(threads.map(lambda _: api.answer("Warm?", stateful=True), range(CALLERS)))
    assert len(answers) == CALLERS


def turns_of(environment: Environment, question: str) -> list[Json]:
    """Their runs."""
    asked = "SELECT FROM conversations_message m WHERE m.run_id = run.id AND m.parts::text LIKE %s"
    return environment.rows.all(f"SELECT * FROM {RUNS} WHERE EXISTS ({asked})", f"%{question}%")


def test_callers_are_refused_soon_and_nothing_of_it_is_stored_later(environment: Environment) -> None:
    warm(environment.api)
    question = f"Frozen {uuid.uuid4().hex}?"
    calls = [
        *[partial(environment.api.ask, question, stateful=True)] * CALLERS,
        partial(environment.api.ask, question),
        partial(environment.api.post, {"model": MODEL, "question": question}, headers={"Idempotency-Key": new_id()}),
        partial(environment.api.post, {"model": MODEL, "question": question, "stateful": True, "async": True}),
    ]

    with frozen(environment), ThreadPoolExecutor(len(calls)) as threads:
        refused = [asked.result() for asked in [threads.submit(call) for call in calls]]
        healthy = requests.get(f"{environment.service.base_url}/healthz", timeout=30)
        ready = requests.get(f"{environment.service.base_url}/readyz", timeout=30)

    assert {refusal(response)[:2] for response in refused} == {(503, "api_error")}
    # 1: it waited for a thread that others of its account had.
    assert {response.headers["Retry-After"] for response in refused} <= {"1", "5"}
    assert healthy.status_code == 200
    assert (ready.status_code, ready.json()["failing"]) == (503, ["database"])
    # When every session has answered a new question, the server has processed everything that it was sent meanwhile.
    eventually(lambda: environment.api.ask("Thawed?").status_code, lambda status: status == 200)
    warm(environment.api)
    assert turns_of(environment, question) == []


def test_an_answer_that_ends_meanwhile_is_stored_once(environment: Environment) -> None:
    question = f"Meanwhile {uuid.uuid4().hex}?"
    environment.plan(question, says("It ", "goes on.").stalled_after(2))
    caller = ask(environment.api, Way.STREAM, question, thread=new_id())
    eventually(lambda: caller.text, bool)

    with frozen(environment):
        environment.upstream.release()
        eventually(lambda: caller.text, lambda text: text == "It goes on.")

    assert caller.wait() is not None
    (run,) = turns_of(environment, question)
    assert (run["status"], run["attempt"]) == ("completed", 1)
    attempts = environment.rows.all("SELECT outcome FROM conversations_runattempt WHERE run_id = %s", run["id"])
    assert attempts == [{"outcome": "completed"}]
    assert len(environment.calls(question)) == 1


@pytest.mark.faults
def test_without_redis_tasks_are_accepted_and_waiting_callers_refused(environment: Environment) -> None:
    question, later = f"Silent {uuid.uuid4().hex}?", f"Later {uuid.uuid4().hex}?"
    warm(environment.api)

    with frozen(environment, "valkey"), ThreadPoolExecutor(CALLERS) as threads:
        # A turn that is accepted just after the last successful check of Redis may hang; this test asks none then.
        eventually(
            lambda: requests.get(f"{environment.service.base_url}/readyz", timeout=30).status_code, lambda s: s == 503
        )
        time.sleep(cached_check.GOOD_SECONDS)
        waiting = [threads.submit(environment.api.ask, question, stateful=True) for _ in range(CALLERS)]
        refused = [asked.result() for asked in waiting]
        task = environment.api.post({"model": MODEL, "question": later, "stateful": True, "async": True})

    assert {refusal(response)[:2] for response in refused} == {(503, "api_error")}
    # 1: it waited for a thread that others of its account had.
    assert {response.headers["Retry-After"] for response in refused} <= {"1", "5"}
    assert turns_of(environment, question) == []
    assert task.status_code == 200
    eventually(lambda: environment.api.ask("Back?").status_code, lambda status: status == 200)
    (run,) = turns_of(environment, later)
    eventually(
        lambda: environment.rows.all(f"SELECT status FROM {RUNS} WHERE id = %s", run["id"]),
        lambda rows: rows == [{"status": "completed"}],
        within=30,
    )
