"""Runs that call tools, when a worker dies, a row is refused, or Redis loses everything."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.receiver import Receiver, answers, stalls
from tests.fakes.refused_rows import refusing
from tests.fakes.replies import Json, says
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.refusals import Refused
from tests.journeys import books
from tests.journeys.clients import runs, tools
from tests.journeys.clients.aichat import MODEL, new_id
from tests.waiting import eventually

RECOVERED_SECONDS = 60.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def begin(environment: ProxiedEnvironment, tool: Json, thread: str) -> str:
    """A turn nobody waits for."""
    body = {"model": MODEL, "question": "Go", "id": thread, "tools": [tool["id"]], "async": True}
    response = environment.api.post(body)
    assert response.status_code == 200, response.text
    return response.headers["X-Run-Id"]


def ended(environment: ProxiedEnvironment, run_id: str) -> Json:
    return eventually(
        lambda: runs.retrieve(environment.api, run_id),
        lambda run: run["finished_at"] is not None,
        within=RECOVERED_SECONDS,
    )


def statuses(run: Json) -> list[str]:
    return [call["status"] for call in run["tool_calls"]]


def test_a_call_that_a_dead_worker_was_making_is_not_made_again(
    environment: ProxiedEnvironment, receiver: Receiver
) -> None:
    receiver.script(answers(200, b"first"), stalls())
    tool = tools.make(environment.api, receiver.url)
    environment.upstream.script(
        tools.calls((tool["name"], {"n": 1}), text="One."), tools.calls((tool["name"], {"n": 2})), says("Two.")
    )
    thread = new_id()
    run_id = begin(environment, tool, thread)
    receiver.wait(2)

    environment.kill("worker")

    run = ended(environment, run_id)
    assert (run["status"], run["attempt"], statuses(run)) == ("completed", 2, ["done", "unknown"])
    assert len(receiver.requests) == 2
    assert tools.read_again(environment.api, run_id)["answer"] == "One.\n\nTwo."
    first, second = tools.results(environment.upstream.requests[-1].body)
    assert first == "first"
    assert second.startswith("The service was interrupted")
    assert len(environment.upstream.requests) == 3


def test_an_idempotent_call_is_made_again(environment: ProxiedEnvironment, receiver: Receiver) -> None:
    receiver.script(stalls(), answers(200, b"now"))
    tool = tools.make(environment.api, receiver.url, idempotent=True)
    environment.upstream.script(tools.calls((tool["name"], {})), says("Done."))
    run_id = begin(environment, tool, new_id())
    receiver.wait(1)

    environment.kill("worker")

    run = ended(environment, run_id)
    assert (run["status"], statuses(run)) == ("completed", ["done"])
    assert len(receiver.requests) == 2
    assert tools.results(environment.upstream.requests[-1].body) == ["now"]


def test_goes_on_from_the_last_step_when_the_worker_dies_between_two_calls(
    environment: ProxiedEnvironment, receiver: Receiver
) -> None:
    tool = tools.make(environment.api, receiver.url)
    environment.upstream.script(tools.calls((tool["name"], {})), says("Never.").silent(), says("Done."))
    run_id = begin(environment, tool, new_id())
    environment.upstream.wait_for_requests(2)

    environment.kill("worker")

    run = ended(environment, run_id)
    assert (run["status"], run["attempt"], statuses(run)) == ("completed", 2, ["done"])
    assert len(receiver.requests) == 1
    assert len(environment.upstream.requests) == 3


def test_a_waiting_run_outlives_all_workers_and_a_flushed_redis(
    environment: ProxiedEnvironment, receiver: Receiver
) -> None:
    tool = tools.make(environment.api, receiver.url, needs_approval=True)
    environment.upstream.script(tools.calls((tool["name"], {}), text="May I?"), says("Done."))
    thread = new_id()
    answer = environment.api.answer("Go", id=thread, tools=[tool["id"]])
    run_id = answer["run_id"]

    environment.kill("worker")
    environment.valkey.flushall()

    assert tools.read_again(environment.api, run_id) == answer
    assert tools.decide(environment.api, run_id, "approve").status_code == 200
    run = ended(environment, run_id)
    assert (run["status"], statuses(run)) == ("completed", ["done"])
    assert tools.read_again(environment.api, run_id)["answer"] == "May I?\n\nDone."
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("row", "made"),
    [
        (Refused("step", "runstep", "INSERT", "true"), 0),
        (Refused("call", "toolcall", "INSERT", "true"), 0),
        (Refused("end of a call", "toolcall", "UPDATE", "NEW.status = 'done'"), 1),
    ],
    ids=str,
)
def test_a_run_whose_step_is_refused_fails(
    environment: ProxiedEnvironment, receiver: Receiver, row: Refused, made: int
) -> None:
    tool = tools.make(environment.api, receiver.url)
    environment.upstream.script(tools.calls((tool["name"], {})), says("Never."))

    with refusing(environment.rows.change, row.table, row.what, when=row.when):
        run = ended(environment, begin(environment, tool, new_id()))

    assert (run["status"], run["error"]["code"]) == ("failed", "api_error")
    assert len(receiver.requests) == made
    assert len(environment.upstream.requests) == 1
    books.assert_balanced(environment.rows)


def test_a_run_whose_pause_is_refused_fails(environment: ProxiedEnvironment, receiver: Receiver) -> None:
    tool = tools.make(environment.api, receiver.url, needs_approval=True)
    environment.upstream.script(tools.calls((tool["name"], {})))

    with refusing(environment.rows.change, "activerun", "UPDATE", when="NEW.status = 'requires_action'"):
        run = ended(environment, begin(environment, tool, new_id()))

    assert run["status"] == "failed"
    assert receiver.requests == []


def test_only_one_of_two_decisions_at_once_counts(environment: ProxiedEnvironment, receiver: Receiver) -> None:
    tool = tools.make(environment.api, receiver.url, needs_approval=True)
    environment.upstream.script(tools.calls((tool["name"], {})), says("Done."))
    run_id = environment.api.answer("Go", id=new_id(), tools=[tool["id"]])["run_id"]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: tools.decide(environment.api, run_id, "approve").status_code, range(8)))

    assert found == [200] * 8
    assert ended(environment, run_id)["status"] == "completed"
    assert len(receiver.requests) == 1
