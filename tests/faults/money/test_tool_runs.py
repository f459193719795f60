"""Runs that call tools, of an account that pays, when their worker dies: what each question to the model has cost."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, Reply, says, tokens
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.money.metered import COST, FIVE_TOKENS, Purse
from tests.journeys import books
from tests.journeys.clients import runs, tools
from tests.journeys.clients.aichat import MODEL, new_id
from tests.waiting import eventually

RECOVERED_SECONDS = 60.0
ANSWER = says(FIVE_TOKENS, usage=tokens(10, 5))
# What an account's finished runs have used, as reports say it.
USED = """
SELECT COALESCE(sum(prompt), 0)::int AS prompt, COALESCE(sum(completion), 0)::int AS completion FROM (
  SELECT (a.usage->>'prompt_tokens')::int AS prompt, (a.usage->>'completion_tokens')::int AS completion
  FROM conversations_runattempt a JOIN conversations_run r ON r.id = a.run_id WHERE r.public_id = %s
) AS found
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def begin(environment: ProxiedEnvironment, tool: Json) -> str:
    body = {"model": MODEL, "question": "Go", "id": new_id(), "tools": [tool["id"]], "async": True}
    response = environment.api.post(body)
    assert response.status_code == 200, response.text
    return response.headers["X-Run-Id"]


def ended(environment: ProxiedEnvironment, run_id: str, *, status: str = "completed") -> Json:
    run = eventually(
        lambda: runs.retrieve(environment.api, run_id),
        lambda run: run["finished_at"] is not None or run["status"] == "requires_action",
        within=RECOVERED_SECONDS,
    )
    assert run["status"] == status
    return run


def asked(name: str) -> Reply:
    return tools.calls((name, {}), usage=tokens(10, 5))


def assert_used(environment: ProxiedEnvironment, run_id: str, *, calls: int) -> None:
    """The run, its attempts and its bill say the same as the vendor did."""
    assert runs.retrieve(environment.api, run_id)["usage"]["total_tokens"] == 15 * calls
    assert environment.rows.all(USED, run_id) == [{"prompt": 10 * calls, "completion": 5 * calls}]
    paid = [entry for entry in books.entries(environment.rows, run_id) if entry[0] in ("settle", "pause")]
    assert sum(Decimal(entry[1]) for entry in paid) == -COST * calls


def test_the_steps_of_a_dead_worker_are_paid_by_the_attempt_that_goes_on_from_them(
    environment: ProxiedEnvironment, purse: Purse, receiver: Receiver
) -> None:
    tool = tools.make(environment.api, receiver.url)
    environment.upstream.script(asked(tool["name"]), says("Never.").silent(), ANSWER)
    run_id = begin(environment, tool)
    environment.upstream.wait_for_requests(2)

    environment.kill("worker")

    assert ended(environment, run_id)["attempt"] == 2
    purse.assert_paid(2 * COST, calls=1)
    assert_used(environment, run_id, calls=2)


def test_steps_that_were_paid_at_a_pause_are_not_paid_again(
    environment: ProxiedEnvironment, purse: Purse, receiver: Receiver
) -> None:
    """One step before the pause, one of an attempt that dies after it, and the answer."""
    guarded = tools.make(environment.api, receiver.url, needs_approval=True)
    plain = tools.make(environment.api, receiver.url)
    environment.upstream.script(asked(guarded["name"]), asked(plain["name"]), says("Never.").silent(), ANSWER)
    body = {"model": MODEL, "question": "Go", "id": new_id(), "tools": [guarded["id"], plain["id"]], "async": True}
    run_id = environment.api.post(body).headers["X-Run-Id"]
    ended(environment, run_id, status="requires_action")
    assert tools.decide(environment.api, run_id, "approve").status_code == 200
    environment.upstream.wait_for_requests(3)

    environment.kill("worker")

    assert ended(environment, run_id)["attempt"] == 3
    purse.assert_paid(3 * COST, calls=1)
    assert_used(environment, run_id, calls=3)
    kinds = [entry[:2] for entry in books.entries(environment.rows, run_id) if entry[0] in ("settle", "pause")]
    assert kinds == [("pause", f"-{COST}"), ("settle", f"-{(2 * COST).normalize():f}")]
