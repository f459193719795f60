"""Runs whose question may satisfy an intent, of an account that pays: what is found out costs once, whoever dies."""

from collections.abc import Iterator

import pytest

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, says, tokens
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.money.metered import COST, FIVE_TOKENS, Purse
from tests.journeys import books
from tests.journeys.assistants import client as assistants
from tests.journeys.clients import runs, tools
from tests.journeys.clients.aichat import MODEL, new_id
from tests.waiting import eventually

RECOVERED_SECONDS = 60.0
SMALL = says('{"satisfied": [1]}', usage=tokens(10, 5))
ANSWER = says(FIVE_TOKENS, usage=tokens(10, 5))
SMALL_USED = {"vendor": "openai", "model": "gpt-4o-mini", "input_tokens": 10, "output_tokens": 5}
# What the whole run says that it used besides the calls to its own model.
BESIDE = "SELECT usage->'beside' AS beside FROM conversations_run WHERE public_id = %s"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def begin(environment: ProxiedEnvironment, assistant: Json) -> str:
    body = {"model": assistants.named(assistant), "question": "Two breads please", "id": new_id(), "async": True}
    response = environment.api.post(body)
    assert response.status_code == 200, response.text
    return response.headers["X-Run-Id"]


def reached(environment: ProxiedEnvironment, run_id: str, status: str) -> Json:
    return eventually(
        lambda: runs.retrieve(environment.api, run_id),
        lambda run: run["status"] == status,
        within=RECOVERED_SECONDS,
    )


def test_a_worker_that_dies_between_matching_and_the_end_has_cost_nothing(
    environment: ProxiedEnvironment, purse: Purse
) -> None:
    intent = assistants.make_intent(environment.api, new_id())
    assistant = assistants.make(environment.api, model=MODEL, intents=[intent])
    assistants.script_intents(environment.upstream, intents=SMALL, answer=ANSWER.silent())
    run_id = begin(environment, assistant)
    for request in environment.upstream.wait_for_requests(2):
        if assistants.is_small(request.body):
            assert request.finished.wait(RECOVERED_SECONDS)
    assistants.script_intents(environment.upstream, intents=SMALL, answer=ANSWER)

    environment.kill("worker")

    run = reached(environment, run_id, "completed")
    assert (run["attempt"], len(environment.upstream.requests)) == (2, 4)
    # Of the answer and of the small call beside it.
    purse.assert_paid(2 * COST, calls=1)
    assert sum(kind == "settle" for kind, *_ in books.entries(environment.rows, run_id)) == 1


@pytest.mark.parametrize("kills", [False, True], ids=["alive", "killed after the approval"])
def test_what_was_found_before_an_approval_is_paid_and_counted_once(
    environment: ProxiedEnvironment, purse: Purse, receiver: Receiver, *, kills: bool
) -> None:
    tool = tools.make(environment.api, receiver.url, needs_approval=True)
    intent = assistants.make_intent(environment.api, new_id())
    assistant = assistants.make(environment.api, kind="tool", model=MODEL, tools=[tool["id"]], intents=[intent])
    asked = tools.calls((tool["name"], {}), usage=tokens(10, 5))
    assistants.script_intents(environment.upstream, intents=SMALL, answer=asked)
    run_id = begin(environment, assistant)
    waiting = reached(environment, run_id, "requires_action")
    purse.assert_paid(2 * COST, calls=1)

    assistants.script_intents(environment.upstream, intents=SMALL, answer=ANSWER.silent() if kills else ANSWER)
    assert tools.decide(environment.api, run_id, "approve").status_code == 200
    if kills:
        environment.upstream.wait_for_requests(3)
        assistants.script_intents(environment.upstream, intents=SMALL, answer=ANSWER)
        environment.kill("worker")

    run = reached(environment, run_id, "completed")
    assert len(assistants.small_calls(environment.upstream)) == 1
    assert [match["satisfied"] for match in (*waiting["intents"], *run["intents"])] == [True, True]
    purse.assert_paid(3 * COST, calls=1)
    assert run["usage"]["total_tokens"] == 30
    assert environment.rows.all(BESIDE, run_id) == [{"beside": [SMALL_USED]}]
