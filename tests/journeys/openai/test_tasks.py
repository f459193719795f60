"""Journey: asynchronous tasks on the OpenAI routes; the answer has the form of the route."""

from dataclasses import dataclass
from typing import Any

import pytest
import requests
from acedatacloud import AceDataCloud
from acedatacloud._runtime.tasks import failure_reason, task_status

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, chunk, fails, says, streams, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import openai
from tests.journeys.clients.aichat import MODEL, Api, user
from tests.journeys.clients.tasks import LATER, ended, poll, secret, verified
from tests.journeys.rows import Rows

CHAT: Json = {"model": MODEL, "messages": [user("Hello")]}
COMPLETION: Json = {"model": MODEL, "prompt": ["Hello", "你好"]}
EMBEDDING: Json = {"model": "text-embedding-3-small", "input": ["a", "bc"]}


@dataclass(frozen=True, slots=True)
class Route:
    path: str
    body: Json
    kind: str


ROUTES = pytest.mark.parametrize(
    "route",
    [
        Route("/v1/chat/completions", CHAT, "chat"),
        Route("/v1/completions", COMPLETION, "completion"),
        Route("/openai/embeddings", EMBEDDING, "embedding"),
    ],
    ids=lambda route: route.kind,
)
# New for every answer.
OWN = ("id", "created")


def post(api: Api, route: str, body: Json) -> requests.Response:
    return requests.post(api.base_url + route, json=body, headers=api.headers, timeout=30)


def accepted(api: Api, route: str, body: Json) -> Json:
    response = post(api, route, body)
    assert response.status_code == 200, response.text
    accepted: Json = response.json()
    assert accepted.keys() == {"success", "task_id", "trace_id", "id", "conversation_id", "status"}
    assert (accepted["success"], accepted["status"]) == (True, "queued")
    return accepted


def without(answer: Json, *names: str) -> Json:
    return {name: value for name, value in answer.items() if name not in names}


@ROUTES
def test_a_task_has_the_same_answer_as_a_waiting_request(
    api: Api, upstream: FakeUpstream, receiver: Receiver, route: Route
) -> None:
    waited_for = post(api, route.path, route.body).json()

    task = accepted(api, route.path, {**route.body, "callback_url": receiver.url, "stream": False})
    (posted,) = receiver.wait(1)

    body = verified(posted, secret(api))
    assert without(body["response"], *OWN) == without(waited_for, *OWN)
    assert (body["task_id"], body["status"], body["success"]) == (task["task_id"], "succeeded", True)
    polled = ended(api, task["task_id"])
    assert (polled["type"], polled["status"], polled["response"]) == (route.kind, "succeeded", without(body, "status"))


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ({}, [[0.0, 1.0, 0.5], [1.0, 2.0, 0.5]]),
        ({"encoding_format": "base64"}, ["AAAAAAAAgD8AAAA/", "AACAPwAAAEAAAAA/"]),
    ],
)
def test_vectors_are_written_as_they_were_asked_for(
    api: Api, upstream: FakeUpstream, asked: Json, written: list[Any]
) -> None:
    task = accepted(api, "/v1/embeddings", {**EMBEDDING, **asked, **LATER})

    response = ended(api, task["task_id"])["response"]

    assert response["response"] == {
        "object": "list",
        "data": [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(written)],
        "model": EMBEDDING["model"],
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    assert (response["answer"], response["usage"]["prompt_tokens"]) == ("", 3)


def test_a_callback_has_every_choice_and_its_tool_calls(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    upstream.script(
        says("Let me look.", tool_calls=[call], finish="tool_calls", usage=tokens(5, 7)),
        says("No need.", usage=tokens(5, 3)),
    )

    accepted(api, "/v1/chat/completions", {**CHAT, "n": 2, "callback_url": receiver.url})
    (posted,) = receiver.wait(1)

    body = verified(posted, secret(api))
    choices = [
        (choice["index"], choice["message"]["content"], choice["finish_reason"])
        for choice in body["response"]["choices"]
    ]
    assert sorted(choices) == [(0, "Let me look.", "tool_calls"), (1, "No need.", "stop")]
    assert body["response"]["choices"][0]["message"]["tool_calls"] == [without(call, "index")]
    assert body["answer"] == "Let me look."
    assert body["usage"] == {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    assert body["response"]["usage"] == {**body["response"]["usage"], **body["usage"]}


def test_a_stored_task_has_the_same_answer_as_its_run(api: Api, upstream: FakeUpstream) -> None:
    response = post(api, "/v1/chat/completions", {**CHAT, "store": True, **LATER})
    task = ended(api, response.json()["task_id"])

    run = f"{api.base_url}/api/v1/runs/{response.headers['X-Run-Id']}/stream?format=json"
    read = requests.get(run, headers=api.headers, timeout=30)

    assert task["response"]["response"] == read.json()
    assert task["id"] == task["response"]["conversation_id"] == response.json()["conversation_id"]


@ROUTES
def test_the_sdk_reads_success_and_failure(api: Api, upstream: FakeUpstream, route: Route) -> None:
    with AceDataCloud(base_url=api.base_url, api_token=api.key) as sdk:
        good = accepted(api, route.path, {**route.body, **LATER})
        succeeded = sdk.tasks.wait(good["task_id"], service="aichat", poll_interval=0.1, max_wait=60)
        upstream.script(fails(400, "It is wrong."))
        bad = accepted(api, route.path, {**route.body, **LATER})
        failed = sdk.tasks.wait(bad["task_id"], service="aichat", poll_interval=0.1, max_wait=60)

    assert task_status(succeeded) == "succeeded"
    assert succeeded["response"]["response"]["object"] in ("chat.completion", "text_completion", "list")
    assert task_status(failed) == "failed"
    assert failure_reason(failed) == failed["response"]["error"]["message"] != ""
    assert (failed["type"], failed["response"]["response"]) == (route.kind, None)


def test_a_vendors_word_for_success_does_not_look_like_failure(api: Api, upstream: FakeUpstream) -> None:
    annotation = {"type": "search", "status": "completed", "state": "done"}
    upstream.script(
        streams(chunk({"content": "Yes.", "annotations": [annotation]}), chunk({}, finish="stop"), "[DONE]")
    )

    task = ended(api, accepted(api, "/v1/chat/completions", {**CHAT, **LATER})["task_id"])

    assert task_status(task) == "succeeded"
    message = task["response"]["response"]["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "Yes.", "refusal": None, "annotations": [{"type": "search"}]}


@ROUTES
def test_every_route_refuses_a_callback_url_in_openais_form(
    api: Api, upstream: FakeUpstream, rows: Rows, route: Route
) -> None:
    before = rows.counts()

    response = post(api, route.path, {**route.body, "callback_url": "http://10.0.0.1/"})

    assert (response.status_code, response.json()["error"]["param"]) == (400, "callback_url")
    assert (rows.counts(), upstream.requests) == (before, [])


def test_a_repeated_key_is_the_same_task(api: Api, upstream: FakeUpstream) -> None:
    headers = {**api.headers, "Idempotency-Key": "embed-once"}
    url = f"{api.base_url}/v1/embeddings"

    first, again = (requests.post(url, json={**EMBEDDING, **LATER}, headers=headers, timeout=30) for _ in range(2))

    assert first.json() == again.json()
    assert poll(api, id=first.json()["task_id"])["type"] == "embedding"
    ended(api, first.json()["task_id"])
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("path", ["/openai/tasks", "/v1/tasks", "/openai/tasks/"])
def test_the_family_polls_at_a_route_of_its_own(api: Api, upstream: FakeUpstream, path: str) -> None:
    task = accepted(api, "/openai/chat/completions", {**CHAT, **LATER})
    done = ended(api, task["task_id"])

    one = post(api, path, {"action": "retrieve", "id": task["task_id"]})
    many = post(api, path, {"action": "retrieve_batch", "trace_ids": [task["trace_id"]], "type": "chat"})

    assert one.json() == done
    assert many.json() == {"items": [done], "count": 1}
    assert one.headers["x-request-id"].startswith("req_")
    assert post(api, path, {"action": "retrieve", "id": "nobody"}).json() == {}


def test_a_task_is_polled_at_either_familys_route(api: Api, upstream: FakeUpstream) -> None:
    body = api.ask("Hello", **LATER).json()
    done = ended(api, body["task_id"])

    assert post(api, "/openai/tasks", {"id": body["task_id"]}).json() == done


def test_the_familys_route_refuses_in_its_own_form(api: Api, other_api: Api, upstream: FakeUpstream) -> None:
    task = accepted(api, "/v1/chat/completions", {**CHAT, **LATER})
    stranger = Api(api.base_url, "sk-wrong-wrong-wrong-wrong")

    refused = [
        post(api, "/openai/tasks", {"action": "retrieve"}),
        post(api, "/openai/tasks", {"action": "erase", "id": "x"}),
        post(stranger, "/openai/tasks", {"id": task["task_id"]}),
        requests.get(f"{api.base_url}/openai/tasks", headers=api.headers, timeout=30),
    ]

    assert [openai.refusal(response) for response in refused] == [
        (400, None, "id"),
        (400, None, "action"),
        (401, "invalid_api_key", None),
        (405, "method_not_supported", None),
    ]
    assert post(other_api, "/openai/tasks", {"id": task["task_id"]}).json() == {}
    ended(api, task["task_id"])


def test_the_sdk_polls_it(api: Api, upstream: FakeUpstream) -> None:
    task = accepted(api, "/openai/chat/completions", {**CHAT, **LATER})

    with AceDataCloud(base_url=api.base_url, api_token=api.key) as sdk:
        done = sdk.tasks.wait(task["task_id"], service="openai", poll_interval=0.1, max_wait=20)

    assert task_status(done) == "succeeded"
    assert done["response"]["answer"] == "1 messages; the last user message: Hello"


def test_an_acknowledgement_names_the_conversation_it_keeps(api: Api, upstream: FakeUpstream) -> None:
    kept = post(api, "/v1/chat/completions", {**CHAT, **LATER, "store": True})
    unkept = [
        post(api, "/v1/chat/completions", {**CHAT, **LATER}),
        post(api, "/v1/completions", {**COMPLETION, **LATER}),
    ]

    assert kept.headers["X-Conversation-Id"] == kept.json()["conversation_id"]
    assert all("X-Conversation-Id" not in response.headers for response in unkept)
    for response in (kept, *unkept):
        ended(api, response.json()["task_id"])
