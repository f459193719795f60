"""Runs that wait for somebody to agree to a tool call."""

import json
from dataclasses import replace

import pytest
import redis
import requests

from conversations.relay import codec
from tests.fakes.receiver import Receiver, answers
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import runs, streams, tools
from tests.journeys.clients.aichat import SSE, Api, new_id, refusal
from tests.waiting import eventually


def paused(api: Api, upstream: FakeUpstream, receiver: Receiver, **fields: object) -> tuple[str, Json]:
    """A conversation and the answer of a turn that waits for an approval."""
    receiver.default = answers(200, b"sent")
    tool = tools.make(api, receiver.url, needs_approval=True)
    upstream.script(tools.calls((tool["name"], {"to": "ann"}), text="I will send it."))
    thread = new_id()
    answer = api.answer("Send it", id=thread, tools=[tool["id"]], **fields)
    return thread, answer


def test_waits_and_goes_on_when_it_is_approved(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    thread, answer = paused(api, upstream, receiver)
    run_id = answer["run_id"]

    assert answer["answer"] == "I will send it."
    assert answer["status"] == "requires_action"
    (call,) = answer["required_action"]["tool_calls"]
    assert call["arguments"] == '{"to":"ann"}'
    assert runs.retrieve(api, run_id)["status"] == "requires_action"
    assert tools.read_again(api, run_id) == answer
    assert receiver.requests == []
    busy = api.ask("And now?", id=thread)
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "busy")
    assert busy.json()["error"]["run_id"] == run_id

    upstream.script(says("Done."))
    response = tools.decide(api, run_id, "approve")

    assert response.status_code == 200, response.text
    assert tools.read_again(api, run_id) == {"id": thread, "answer": "I will send it.\n\nDone."}
    assert [posted.body for posted in receiver.requests] == [b'{"to":"ann"}']
    run = runs.retrieve(api, run_id)
    assert (run["status"], run["attempt"]) == ("completed", 2)
    assert [(one["status"], one["result"]) for one in run["tool_calls"]] == [("done", "sent")]
    assert run["usage"]["prompt_tokens"] > 10
    assert tools.decide(api, run_id, "approve").status_code == 200
    assert tools.decide(api, run_id, "refuse").status_code == 409
    assert len(receiver.requests) == 1


def test_tells_the_model_that_the_call_was_refused(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    _, answer = paused(api, upstream, receiver)
    upstream.script(says("I did not send it."))

    response = tools.decide(api, answer["run_id"], "refuse", reason="Not today.")

    assert response.status_code == 200, response.text
    assert tools.read_again(api, answer["run_id"])["answer"] == "I will send it.\n\nI did not send it."
    assert tools.results(upstream.requests[-1].body) == ["The call was refused by the user. Reason: Not today."]
    assert receiver.requests == []


def test_a_stream_ends_with_what_is_required(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    tool = tools.make(api, receiver.url, needs_approval=True)
    upstream.script(tools.calls((tool["name"], {}), text="May I?"))

    response = api.ask("Go", accept=SSE, id=new_id(), tools=[tool["id"]])

    events = response.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert '"status": "requires_action"' in events[-3]


def test_a_waiting_run_can_be_cancelled(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    thread, answer = paused(api, upstream, receiver)

    assert runs.cancel(api, answer["run_id"])["status"] == "cancelled"

    assert tools.decide(api, answer["run_id"], "approve").status_code == 409
    assert api.answer("Next", id=thread)["id"] == thread


def test_a_turn_that_replaces_it_cancels_it(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    thread, answer = paused(api, upstream, receiver)

    body = {"model": "gpt-4o-mini", "question": "Instead", "id": thread}
    response = api.post(body, headers={"X-On-Busy": "replace"})

    assert response.status_code == 200, response.text
    assert runs.retrieve(api, answer["run_id"])["status"] == "cancelled"


def test_deleting_its_conversation_cancels_it(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    thread, answer = paused(api, upstream, receiver)

    response = requests.delete(f"{api.base_url}/api/v1/conversations/{thread}", headers=api.headers, timeout=30)

    assert response.status_code in (200, 202, 204), response.text
    run = eventually(lambda: runs.retrieve(api, answer["run_id"]), lambda run: "tool_calls" not in run)
    assert run["status"] == "cancelled"


def test_a_turn_that_is_not_stored_cannot_wait(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    tool = tools.make(api, receiver.url, needs_approval=True)

    status, code, message = refusal(api.ask("Go", tools=[tool["id"]]))

    assert (status, code) == (400, "bad_request")
    assert tool["id"] in message
    assert upstream.requests == []


def test_goes_on_without_a_tool_that_was_deleted_meanwhile(
    api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    tool = tools.make(api, receiver.url, needs_approval=True)
    upstream.script(tools.calls((tool["name"], {}), text="May I?"), says("It is gone."))
    run_id = api.answer("Go", id=new_id(), tools=[tool["id"]])["run_id"]
    url = f"{api.base_url}/api/v1/tools/{tool['id']}"
    assert requests.delete(url, headers=api.headers, timeout=30).status_code == 200

    assert tools.decide(api, run_id, "approve").status_code == 200

    assert tools.read_again(api, run_id)["answer"] == "May I?\n\nIt is gone."
    assert tools.results(upstream.requests[-1].body) == ["The tool is not there any more."]
    assert receiver.requests == []


@pytest.mark.parametrize("seen", [0, 1, 2, 3, 4])
def test_a_stream_is_resumed_behind_whatever_was_read_before_the_approval(
    api: Api, upstream: FakeUpstream, receiver: Receiver, valkey: redis.Redis, seen: int
) -> None:
    """Three words and an end were seen; the run goes on at the next position, in its log and in its row."""
    tool = tools.make(api, receiver.url, needs_approval=True)
    first = tools.calls((tool["name"], {}))
    words = says("May ", "I", "?", finish=None, done=False)
    upstream.script(replace(first, steps=(*words.apart().steps, *first.steps[1:])), says("Done."))
    response = api.ask("Go", accept=SSE, id=new_id(), tools=[tool["id"]])
    before = streams.events(response)
    run_id = response.headers["X-Run-Id"]
    assert [streams.position(event) for event in before[:-1]] == [1, 2, 3, 4]

    tools.decide(api, run_id, "approve")
    eventually(lambda: runs.retrieve(api, run_id), lambda run: run["status"] == "completed")

    read = "".join(json.loads(event.partition("\ndata: ")[2])["delta_answer"] for event in before[:seen])
    for _ in range(2):
        again = streams.events(streams.attach(api, run_id, headers={"Last-Event-ID": str(seen)}))
        assert read + streams.text(again) == "May I?\n\nDone."
        valkey.delete(codec.log_key(run_id, 2))
