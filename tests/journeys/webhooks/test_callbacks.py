"""Journey: asynchronous turns by callback or polling, with the vendor's own SDK."""

import uuid
from typing import Any

import pytest
from acedatacloud import AceDataCloud
from acedatacloud._runtime.tasks import failure_reason, task_status

from tests.fakes import receiver as fake
from tests.fakes.receiver import Receiver
from tests.fakes.replies import fails, says, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, NDJSON, Api, Json, Rows, new_id, refusal
from tests.journeys.clients.tasks import LATER, ended, poll, secret, verified


def ask(api: Api, *, accept: str = "", headers: dict[str, str] | None = None, **fields: Any) -> Json:
    response = api.post({"model": MODEL, "question": "Hello", **fields}, accept=accept, headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return dict(response.json())


def test_a_callback_brings_the_whole_answer_signed(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    thread = new_id()
    text = "很长的答案。" * 10_000
    upstream.script(says(text, usage=tokens(11, 22)))

    accepted = ask(api, id=thread, callback_url=receiver.url, accept=NDJSON)
    (posted,) = receiver.wait(1)

    assert accepted == {
        "success": True,
        "task_id": thread,
        "trace_id": str(uuid.UUID(accepted["trace_id"])),
        "id": thread,
        "conversation_id": thread,
        "status": "queued",
    }
    assert verified(posted, secret(api)) == {
        **accepted,
        "status": "succeeded",
        "answer": text,
        "usage": {"prompt_tokens": 11, "completion_tokens": 22, "total_tokens": 33},
        "error": None,
    }


def test_a_callback_tells_of_failure(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    upstream.on_text("fail", fails(400))

    accepted = ask(api, question="fail", callback_url=receiver.url)
    (posted,) = receiver.wait(1)

    payload = verified(posted, secret(api))
    assert (payload["success"], payload["status"], payload["answer"], payload["usage"]) == (False, "failed", "", None)
    assert payload["task_id"] == accepted["task_id"]
    assert payload["error"]["code"] == "bad_request"


def test_a_second_turn_is_a_task_of_its_own(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    first = ask(api, id=thread, **LATER)
    ended(api, thread)

    second = ask(api, id=thread, question="And?", **LATER)

    assert (first["task_id"], second["conversation_id"]) == (thread, thread)
    assert second["task_id"] == str(uuid.UUID(second["task_id"])) != thread
    assert ended(api, second["task_id"])["response"]["answer"] == "3 messages; the last user message: And?"
    by_trace = poll(api, action="retrieve", trace_id=first["trace_id"])
    assert (by_trace["id"], by_trace["response"]["answer"]) == (thread, "1 messages; the last user message: Hello")


def test_a_conversations_id_means_its_newest_task(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    ask(api, id=thread, **LATER)
    ended(api, thread)
    api.answer("In between, and no task", id=thread)
    newest = ask(api, id=thread, question="And?", **LATER)

    polled = ended(api, thread)

    assert (polled["id"], polled["trace_id"]) == (newest["task_id"], newest["trace_id"])
    assert polled["response"]["answer"] == "5 messages; the last user message: And?"
    assert ended(api, newest["task_id"])["id"] == newest["task_id"]


def test_an_acknowledgement_names_the_conversation_it_keeps(api: Api, upstream: FakeUpstream) -> None:
    thread, key = new_id(), {"Idempotency-Key": new_id()}
    body = {"model": MODEL, "question": "Hello", "id": thread, **LATER}

    first, again = api.post(body, headers=key), api.post(body, headers=key)
    unkept = api.post({"model": MODEL, "question": "Hello", **LATER})

    assert first.headers["X-Conversation-Id"] == again.headers["X-Conversation-Id"] == thread
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "X-Conversation-Id" not in unkept.headers
    for response in (first, unkept):
        ended(api, response.json()["task_id"])


def test_the_sdk_reads_success_and_failure(api: Api, upstream: FakeUpstream) -> None:
    upstream.on_text("fail", fails(400))
    with AceDataCloud(base_url=api.base_url, api_token=api.key) as sdk:
        accepted = [sdk.aichat.create(model=MODEL, question=question, **LATER) for question in ("Hello", "fail")]
        good, bad = (
            sdk.tasks.wait(task["task_id"], service="aichat", poll_interval=0.1, max_wait=60) for task in accepted
        )

    assert task_status(good) == "succeeded"
    assert good["response"]["answer"] == "1 messages; the last user message: Hello"
    assert task_status(bad) == "failed"
    assert failure_reason(bad) == bad["response"]["error"]["message"] != ""


def test_polling_tells_all_that_the_vendors_service_tells(api: Api, upstream: FakeUpstream) -> None:
    accepted = ask(api, **LATER)

    task = ended(api, accepted["task_id"])

    assert task.keys() == {
        *("_id", "id", "trace_id", "type", "application_id", "user_id", "credential_id", "status", "created_at"),
        *("started_at", "finished_at", "elapsed", "request", "response"),
    }
    assert (task["id"], task["trace_id"], task["status"]) == (accepted["task_id"], accepted["trace_id"], "succeeded")
    assert task["created_at"] <= task["started_at"] <= task["finished_at"]
    assert task["elapsed"] == pytest.approx(task["finished_at"] - task["started_at"])
    assert task["response"]["success"] is True
    assert "status" not in task["response"]
    assert poll(api, trace_id=accepted["trace_id"]) == task
    batch = poll(api, action="retrieve_batch", ids=[accepted["task_id"], "unknown"])
    assert batch == {"items": [task], "count": 1}


def test_a_task_that_is_not_there_is_an_empty_object(api: Api, other_api: Api, upstream: FakeUpstream) -> None:
    accepted = ask(api, **LATER)

    assert poll(api, id=new_id()) == {}
    assert poll(other_api, id=accepted["task_id"]) == {}
    assert poll(other_api, trace_id=accepted["trace_id"]) == {}
    assert poll(other_api, action="retrieve_batch", ids=[accepted["task_id"]]) == {"items": [], "count": 0}
    # Or its call of the upstream would come in the middle of the next test.
    ended(api, accepted["task_id"])


@pytest.mark.parametrize("url", ["ftp://a.example", "http://10.0.0.1/", "http://[::1]/", "http://user@a.example/", "x"])
def test_a_callback_url_that_must_not_be_is_refused_at_once(
    api: Api, upstream: FakeUpstream, rows: Rows, url: str
) -> None:
    before = rows.counts()

    response = api.ask("Hello", callback_url=url)

    status, code, message = refusal(response)
    assert (status, code) == (400, "bad_request")
    assert message.startswith("callback_url: ")
    assert rows.counts() == before
    assert upstream.requests == []


def test_what_is_wrong_is_said_at_once_and_not_by_callback(api: Api, receiver: Receiver) -> None:
    response = api.ask("Hello", model="no-such-model", callback_url=receiver.url)

    assert refusal(response)[:2] == (400, "bad_request")
    assert receiver.requests == []


def test_a_bad_receiver_changes_nothing_of_the_run(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    receiver.default = fake.closes()

    accepted = ask(api, callback_url=receiver.url)
    receiver.wait(1)

    assert ended(api, accepted["task_id"])["status"] == "succeeded"


def test_a_repeated_key_is_the_same_task(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    headers = {"Idempotency-Key": new_id()}

    first = ask(api, headers=headers, callback_url=receiver.url)
    again = ask(api, headers=headers, callback_url=receiver.url)
    receiver.wait(1)

    assert again == first
    assert len(upstream.requests) == 1
    assert len(receiver.requests) == 1


def test_a_task_is_found_under_the_callers_own_trace_id(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    mine, other = str(uuid.uuid4()), str(uuid.uuid4())

    accepted = ask(api, trace_id=mine.upper(), callback_url=receiver.url)
    (posted,) = receiver.wait(1)

    task = ended(api, accepted["task_id"])
    assert [payload["trace_id"] for payload in (accepted, verified(posted, secret(api)), task)] == [mine] * 3
    assert poll(api, trace_id=mine) == task
    assert poll(api, action="retrieve_batch", trace_ids=[mine, other]) == {"items": [task], "count": 1}
    assert poll(api, action="retrieve_batch", trace_ids=[other]) == {"items": [], "count": 0}


def test_the_callers_own_trace_id_stands_in_its_errors(api: Api) -> None:
    mine = str(uuid.uuid4())

    response = api.ask("Hello", trace_id=mine, model="no-such-model")

    assert (response.status_code, response.json()["trace_id"]) == (400, mine)


@pytest.mark.parametrize("wrong", ["mine", "{12345678-1234-1234-1234-123456789012}", 7])
def test_a_trace_id_that_is_no_uuid_is_refused(api: Api, upstream: FakeUpstream, rows: Rows, wrong: Any) -> None:
    before = rows.counts()

    response = api.ask("Hello", trace_id=wrong, **LATER)

    status, code, message = refusal(response)
    assert (status, code) == (400, "bad_request")
    assert message.startswith("trace_id")
    assert (rows.counts(), upstream.requests) == (before, [])


def test_a_list_of_tasks_is_by_type_and_the_same_for_every_application(api: Api, upstream: FakeUpstream) -> None:
    task = ended(api, ask(api, **LATER)["task_id"])
    mine = {"action": "retrieve_batch", "ids": [task["id"]]}

    assert task["type"] == "chat"
    assert poll(api, **mine, type="chat", application_id="any", user_id="any") == {"items": [task], "count": 1}
    assert poll(api, **mine, type="") == {"items": [task], "count": 1}
    assert poll(api, **mine, type="embedding") == {"items": [], "count": 0}
