"""Journey: what a turn costs whose model calls tools, and what is paid when it waits for an approval."""

import requests

from tests.fakes.receiver import Receiver
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import runs, tools
from tests.journeys.clients.aichat import new_id
from tests.journeys.money.conftest import MODEL, OpenPayer, Payer
from tests.waiting import eventually

# Ten tokens of a prompt and five of an answer.
ONE_CALL = "0.02"


def go(paying: Payer, tool_id: str, **headers: str) -> requests.Response:
    body = {"model": MODEL, "question": "Hi", "id": new_id(), "tools": [tool_id]}
    return paying.api.post(body, headers={name.replace("_", "-"): given for name, given in headers.items()})


def test_every_call_to_the_model_is_paid(upstream: FakeUpstream, paying: Payer, receiver: Receiver) -> None:
    tool = tools.make(paying.api, receiver.url)
    upstream.script(tools.calls((tool["name"], {})), says("Done.", usage=tools.USAGE))

    response = go(paying, tool["id"])

    assert response.json()["answer"] == "Done."
    assert [entry[:2] for entry in paying.entries(response) if entry[0] == "settle"] == [("settle", "-0.04")]
    assert paying.state == ("9.96", "0", None)


def test_what_was_used_is_paid_when_a_run_begins_to_wait(
    upstream: FakeUpstream, paying: Payer, receiver: Receiver
) -> None:
    tool = tools.make(paying.api, receiver.url, needs_approval=True)
    upstream.script(tools.calls((tool["name"], {})), says("Done.", usage=tools.USAGE))
    response = go(paying, tool["id"])
    run_id = response.json()["run_id"]

    assert paying.state == ("9.98", "0", None)
    assert [entry[:2] for entry in paying.entries(response)][-1] == ("pause", f"-{ONE_CALL}")

    assert tools.decide(paying.api, run_id, "approve").status_code == 200
    eventually(lambda: runs.retrieve(paying.api, run_id), lambda run: run["status"] == "completed")
    assert paying.state == ("9.96", "0", None)
    cost = requests.get(
        f"{paying.api.base_url}/api/v1/runs/{run_id}/cost", headers=paying.api.headers, timeout=30
    ).json()
    assert float(cost["cost"]) == 0.04
    assert runs.retrieve(paying.api, run_id)["usage"]["total_tokens"] == 2 * tools.USAGE["total_tokens"]


def test_what_was_used_stays_paid_when_a_waiting_run_is_cancelled(
    upstream: FakeUpstream, paying: Payer, receiver: Receiver
) -> None:
    tool = tools.make(paying.api, receiver.url, needs_approval=True)
    upstream.script(tools.calls((tool["name"], {})))
    run_id = go(paying, tool["id"]).json()["run_id"]

    assert runs.cancel(paying.api, run_id)["status"] == "cancelled"

    assert paying.state == ("9.98", "0", None)


def test_an_approval_that_cannot_be_paid_is_refused_and_the_run_waits(
    upstream: FakeUpstream, payer: OpenPayer, receiver: Receiver
) -> None:
    paying = payer("1")
    tool = tools.make(paying.api, receiver.url, needs_approval=True)
    upstream.script(tools.calls((tool["name"], {}), usage={**tools.USAGE, "completion_tokens": 450}))
    run_id = go(paying, tool["id"]).json()["run_id"]

    refused = tools.decide(paying.api, run_id, "approve")

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "used_up")
    run = runs.retrieve(paying.api, run_id)
    assert (run["status"], [call["status"] for call in run["tool_calls"]]) == ("requires_action", ["requested"])
    assert receiver.requests == []


def test_a_further_call_that_cannot_be_paid_ends_the_run_with_what_it_has(
    upstream: FakeUpstream, paying: Payer, receiver: Receiver
) -> None:
    tool = tools.make(paying.api, receiver.url)
    upstream.script(tools.calls((tool["name"], {}), text="Looking.", usage={**tools.USAGE, "prompt_tokens": 580}))

    response = go(paying, tool["id"], X_Max_Cost="0.6")

    assert response.json()["answer"] == "Looking."
    run = runs.retrieve(paying.api, response.headers["X-Run-Id"])
    assert (run["status"], run["incomplete_reason"]) == ("incomplete", "max_cost")
    assert paying.state == ("9.41", "0", None)
