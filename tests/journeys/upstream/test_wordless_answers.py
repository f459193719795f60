"""Journey: a model that refuses, is filtered, calls a tool or returns nothing: no failure looks like a success."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import requests

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, chunk, says, streams, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import openai
from tests.journeys.clients.aichat import NDJSON, SSE, Api, assistant, new_id, refusal, user
from tests.journeys.clients.openai import Chat
from tests.journeys.clients.tasks import LATER, ended
from tests.journeys.clients.webhooks import call, make, verified
from tests.journeys.rows import Rows

WITHHELD = "The answer was withheld by the model's content filter."
REFUSES = streams(
    chunk({"role": "assistant", "content": None, "refusal": "I can’t "}),
    chunk({"refusal": "help."}),
    chunk({}, finish="stop"),
    "[DONE]",
)
FILTERED = says(finish="content_filter", usage=tokens(7, 0), of_call={"system_fingerprint": "fp_1"})
CUT = says("Once upon", finish="content_filter")
CALLS_A_TOOL = says(
    tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
    finish="tool_calls",
)
THINKS_ONLY = says(reasoning=["Hm", " hm."], finish="stop", usage=tokens(7, 3))


@pytest.fixture
def thread(api: Api, upstream: FakeUpstream) -> Iterator[str]:
    """A conversation of one turn; it continues from there whatever happens to the next turn."""
    made = new_id()
    upstream.script(says("A"))
    api.answer("a", id=made)
    yield made
    upstream.script(says("C"))
    api.answer("c", id=made)
    assert upstream.requests[-1].messages == [user("a"), assistant("A"), user("c")]


def lines(response: requests.Response) -> list[Json]:
    assert response.status_code == 200, response.text
    return [dict(orjson.loads(line)) for line in response.text.split("\r\n") if line]


def test_a_refusal_is_the_answer(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(REFUSES, REFUSES, REFUSES)

    whole = api.answer("Hello", id=thread)
    listed = lines(api.ask("Hello", accept=NDJSON))
    events = api.ask("Hello", accept=SSE)

    assert whole == {"id": thread, "answer": "I can’t help."}
    assert (listed[-1]["answer"], "".join(line["delta_answer"] for line in listed)) == ("I can’t help.",) * 2
    assert events.text.endswith("data: [DONE]\n\n")
    assert rows.ended(events)["status"] == "completed"


def test_a_refusal_is_the_answer_of_a_task_and_of_its_event(
    new_api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    endpoint = make(new_api, receiver.url, "run.completed")
    thread = new_id()
    upstream.script(REFUSES)

    new_api.ask("Hello", id=thread, **LATER)

    assert ended(new_api, thread)["response"]["answer"] == "I can’t help."
    (posted,) = receiver.wait(1)
    assert verified(posted, endpoint["secret"])["data"]["answer"] == "I can’t help."


def test_a_refusal_is_shown_to_the_model_in_the_next_turn(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(REFUSES)
    api.answer("Hello", id=thread)

    api.answer("Please", id=thread)

    assert upstream.requests[-1].messages == [
        user("Hello"),
        {"role": "assistant", "content": None, "refusal": "I can’t help."},
        user("Please"),
    ]


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_a_filtered_answer_is_forbidden_in_every_form(
    api: Api, upstream: FakeUpstream, rows: Rows, thread: str, accept: str
) -> None:
    upstream.script(FILTERED)

    response = api.ask("b", id=thread, accept=accept)

    assert refusal(response) == (403, "forbidden", WITHHELD)
    run = rows.ended(response)
    assert (run["status"], run["error_code"]) == ("failed", "content_filtered")
    assert call(api, "GET", f"runs/{run['public_id']}")["error"] == {"code": "forbidden", "message": WITHHELD}


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_reasoning_alone_is_no_answer(api: Api, upstream: FakeUpstream, rows: Rows, thread: str, accept: str) -> None:
    upstream.script(THINKS_ONLY)

    response = api.ask("b", id=thread, accept=accept)

    if accept:
        # The reasoning, and so the HTTP status, was sent by then.
        assert response.status_code == 200
        assert '"Hm' in response.text
        assert '"code": "chat_error"' in response.text
    else:
        assert refusal(response)[:2] == (500, "chat_error")
    assert rows.ended(response)["status"] == "failed"


def test_a_filtered_answer_is_a_failed_task_and_callback_and_event(
    new_api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    endpoint = make(new_api, receiver.url, "run.completed", "run.failed")
    task = new_id()
    upstream.script(FILTERED)

    new_api.ask("Hello", id=task, callback_url=receiver.url)

    error = {"code": "forbidden", "message": WITHHELD}
    polled = ended(new_api, task)
    assert (polled["status"], polled["response"]["success"], polled["response"]["error"]) == ("failed", False, error)
    event, callback = sorted(receiver.wait(2), key=lambda posted: b'"task_id"' in posted.body)
    assert verified(event, endpoint["secret"])["type"] == "run.failed"
    assert b'"status":"failed","success":false' in callback.body


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_an_answer_filtered_after_some_words_keeps_them(api: Api, upstream: FakeUpstream, accept: str) -> None:
    upstream.script(CUT)

    response = api.ask("Hello", accept=accept)

    assert response.status_code == 200
    assert "Once upon" in response.text
    assert "error" not in response.text


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_a_tool_call_is_an_answer_without_text_and_asked_once(
    api: Api, upstream: FakeUpstream, rows: Rows, accept: str
) -> None:
    thread = new_id()
    upstream.script(CALLS_A_TOOL)

    response = api.ask("Hello", id=thread, accept=accept)

    assert response.status_code == 200
    assert "error" not in response.text
    assert rows.ended(response)["status"] == "completed"
    assert len(upstream.requests) == 1


def test_a_tool_call_is_a_task_that_succeeded(api: Api, upstream: FakeUpstream) -> None:
    task = new_id()
    upstream.script(CALLS_A_TOOL)

    api.ask("Hello", id=task, **LATER)

    polled = ended(api, task)
    assert (polled["status"], polled["response"]["answer"], polled["response"]["error"]) == ("succeeded", "", None)


@pytest.mark.parametrize("fields", [{}, {"store": True}])
def test_the_openai_family_gives_the_finish_reason_content_filter(
    chat: Chat, upstream: FakeUpstream, fields: Json
) -> None:
    upstream.script(FILTERED, FILTERED)

    whole: Any = chat.answer("Hello", **fields)["choices"][0]
    pieces = openai.chunks(chat.ask("Hello", stream=True, **fields))

    assert (whole["message"]["content"], whole["finish_reason"]) == ("", "content_filter")
    assert pieces[-1]["choices"][0]["finish_reason"] == "content_filter"


def test_an_empty_answer_of_echo_fails_too(api: Api, upstream: FakeUpstream) -> None:
    response = api.post({"model": "echo", "question": "/echo length=0\nHello"})

    assert refusal(response)[:2] == (500, "chat_error")
