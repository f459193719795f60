"""Runs that call tools, when a worker dies or the database goes away between two writes of a step or of a pause."""

from collections.abc import Iterator
from threading import Event

import pytest

from tests.fakes.receiver import Receiver, answers, answers_once
from tests.fakes.replies import Json, says
from tests.faults.harness.environment import ProxiedEnvironment
from tests.journeys import books
from tests.journeys.clients import runs, tools
from tests.journeys.clients.aichat import MODEL, new_id
from tests.waiting import eventually

pytestmark = pytest.mark.faults

RECOVERED_SECONDS = 60.0
PAUSES = rb'UPDATE "conversations_activerun" SET "status" =.*"claimed_at" = NULL'
ENDS_A_CALL = rb'UPDATE "conversations_toolcall" SET "status" =.*"result" ='
COMMITS_A_PAUSE = PAUSES + rb".*; COMMIT$"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        running.default = answers(200, b"sent", {"Content-Type": "text/plain"})
        yield running


@pytest.fixture
def paying(environment: ProxiedEnvironment) -> Iterator[ProxiedEnvironment]:
    """An account that pays."""
    with environment.with_key(environment.service.create_key(new_id(), "--balance=5")) as own:
        yield own


def begin(environment: ProxiedEnvironment, tool: Json) -> str:
    body = {"model": MODEL, "question": "Go", "id": new_id(), "tools": [tool["id"]], "async": True}
    response = environment.api.post(body)
    assert response.status_code == 200, response.text
    return response.headers["X-Run-Id"]


def reached(environment: ProxiedEnvironment, run_id: str, status: str) -> Json:
    return eventually(
        lambda: runs.retrieve(environment.api, run_id),
        lambda run: run.get("status") == status,
        within=RECOVERED_SECONDS,
    )


@pytest.mark.parametrize("point", [PAUSES, COMMITS_A_PAUSE], ids=["before the write", "between write and commit"])
def test_a_pause_that_a_dead_worker_was_writing_is_written_again(
    paying: ProxiedEnvironment, receiver: Receiver, point: bytes
) -> None:
    tool = tools.make(paying.api, receiver.url, needs_approval=True)
    paying.upstream.script(tools.calls((tool["name"], {}), text="May I?"), says("Done.", usage=tools.USAGE))
    with paying.database.hold(point) as held:
        run_id = begin(paying, tool)
        held.wait()
        paying.kill("worker")

    waiting = reached(paying, run_id, "requires_action")

    assert (waiting["attempt"], len(paying.upstream.requests)) == (2, 1)
    # The attempt that died is paid by nobody: what it used, nobody wrote down.
    kinds = [kind for kind, *_ in books.entries(paying.rows, run_id)]
    assert kinds == ["reserve", "pause"]
    assert tools.decide(paying.api, run_id, "approve").status_code == 200
    assert reached(paying, run_id, "completed")["usage"]["total_tokens"] == 2 * tools.USAGE["total_tokens"]
    assert tools.read_again(paying.api, run_id)["answer"] == "May I?\n\nDone."
    assert len(receiver.requests) == 1
    books.assert_balanced(paying.rows)


def test_a_pause_whose_commit_was_not_confirmed_is_not_written_twice(
    paying: ProxiedEnvironment, receiver: Receiver
) -> None:
    tool = tools.make(paying.api, receiver.url, needs_approval=True)
    paying.upstream.script(tools.calls((tool["name"], {}), text="May I?"), says("Done."))
    with paying.database.hold(COMMITS_A_PAUSE, is_answer=True) as held:
        run_id = begin(paying, tool)
        held.wait()

    waiting = reached(paying, run_id, "requires_action")

    assert waiting["attempt"] == 1
    assert [kind for kind, *_ in books.entries(paying.rows, run_id)] == ["reserve", "pause"]
    assert tools.read_again(paying.api, run_id)["status"] == "requires_action"
    books.assert_balanced(paying.rows)


def test_a_call_that_was_answered_but_not_written_down_is_not_made_again(
    paying: ProxiedEnvironment, receiver: Receiver
) -> None:
    tool = tools.make(paying.api, receiver.url)
    paying.upstream.script(tools.calls((tool["name"], {})), says("Done.", usage=tools.USAGE))
    with paying.database.hold(ENDS_A_CALL) as held:
        run_id = begin(paying, tool)
        held.wait()
        paying.kill("worker")

    run = reached(paying, run_id, "completed")

    assert [call["status"] for call in run["tool_calls"]] == ["unknown"]
    assert len(receiver.requests) == 1
    books.assert_balanced(paying.rows)


def test_a_call_that_is_answered_while_the_database_is_away_is_kept(
    paying: ProxiedEnvironment, receiver: Receiver
) -> None:
    released = Event()
    receiver.default = answers_once(released, b"sent")
    tool = tools.make(paying.api, receiver.url)
    paying.upstream.script(tools.calls((tool["name"], {})), says("Done.", usage=tools.USAGE))
    run_id = begin(paying, tool)
    receiver.wait(1)
    logged = len(paying.service.log)

    paying.database.shut()
    released.set()
    eventually(lambda: "run_step_not_written" in paying.service.log[logged:], bool)
    paying.database.open()

    run = reached(paying, run_id, "completed")
    assert [(call["status"], call["result"]) for call in run["tool_calls"]] == [("done", "sent")]
    assert (run["attempt"], len(receiver.requests)) == (1, 1)
    books.assert_balanced(paying.rows)


def test_a_run_pauses_though_the_database_is_away_meanwhile(paying: ProxiedEnvironment, receiver: Receiver) -> None:
    tool = tools.make(paying.api, receiver.url, needs_approval=True)
    paying.upstream.script(tools.calls((tool["name"], {}), text="May I?"), says("Done."))
    logged = len(paying.service.log)
    with paying.database.hold(PAUSES) as held:
        run_id = begin(paying, tool)
        held.wait()
        paying.database.shut()
    eventually(lambda: "run_end_not_written" in paying.service.log[logged:], bool)
    paying.database.open()

    assert reached(paying, run_id, "requires_action")["attempt"] == 1
    assert tools.decide(paying.api, run_id, "refuse").status_code == 200
    reached(paying, run_id, "completed")
    assert receiver.requests == []
    books.assert_balanced(paying.rows)
