"""Journey: fields beyond OpenAI's reach the vendor, and never replace those that we set."""

from typing import Any

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import user
from tests.journeys.clients.openai import Chat, refusal
from tests.journeys.rows import Rows

STREAMING = {"stream": True, "stream_options": {"include_usage": True}}
THINKING: dict[str, Any] = {
    "thinking": {"type": "enabled"},
    "chat_template_kwargs": {"enable_thinking": True},
    "top_k": 4,
}


@pytest.mark.parametrize("more", [{}, {"stream": True}, {"store": True}])
def test_fields_reach_a_vendor_that_takes_them(chat: Chat, upstream: FakeUpstream, more: dict[str, Any]) -> None:
    response = chat.ask("Hi", model="deepseek-v3", **more, **THINKING, unheard_of=1)

    assert response.status_code == 200
    (request,) = upstream.requests
    assert request.body == {"model": "deepseek-chat", "messages": [user("Hi")], **STREAMING, **THINKING}


def test_fields_are_left_out_for_a_vendor_that_refuses_them(chat: Chat, upstream: FakeUpstream) -> None:
    assert chat.ask("Hi", **THINKING, bad="x" * 200_000).status_code == 200

    assert upstream.requests[0].body == {"model": "gpt-4o-mini", "messages": [user("Hi")], **STREAMING}


def test_fields_reach_the_vendor_of_a_task(chat: Chat, upstream: FakeUpstream) -> None:
    assert chat.ask("Hi", **{"model": "deepseek-v3", "async": True, **THINKING}).status_code == 200

    (request,) = upstream.wait_for_requests(1)
    assert request.body["thinking"] == {"type": "enabled"}
    assert "async" not in request.body


def test_fields_never_replace_model_messages_or_stream(chat: Chat, upstream: FakeUpstream) -> None:
    ours: dict[str, Any] = {
        "Model": "x",
        "MESSAGES": [],
        "Stream": False,
        "trace_id": "t",
        "conversation_id": "c",
        "models": ["x"],
    }

    assert chat.ask("Hi", model="deepseek-v3", prompt="x", extra_body={"model": "x"}, **ours).status_code == 200

    assert upstream.requests[0].body == {"model": "deepseek-chat", "messages": [user("Hi")], **STREAMING}


@pytest.mark.parametrize(
    ("value", "place"),
    [("\x00", "thinking"), ([{"\x00": 1}], "thinking[0]"), ({"a": "x" * 100_000}, "thinking")],
    ids=["a NUL", "a NUL in a name", "too large"],
)
def test_fields_that_cannot_be_stored_are_refused(
    chat: Chat, upstream: FakeUpstream, rows: Rows, value: Any, place: str
) -> None:
    before = rows.counts()

    assert refusal(chat.ask("Hi", model="deepseek-v3", thinking=value)) == (400, None, place)

    assert rows.counts() == before
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("o3-mini-high", {"max_tokens": 9}, {"max_completion_tokens": 9, "reasoning_effort": "high"}),
        ("gpt-5.1-all", {"max_tokens": 9}, {"max_completion_tokens": 9}),
        ("gpt-5", {"max_completion_tokens": 9}, {"max_completion_tokens": 9}),
        ("gpt-4o", {"max_tokens": 9}, {"max_tokens": 9}),
        ("deepseek-r1", {"max_completion_tokens": 9}, {"max_tokens": 9}),
    ],
)
def test_the_limit_of_the_answer_has_the_name_that_the_model_takes(
    chat: Chat, upstream: FakeUpstream, model: str, asked: dict[str, Any], sent: dict[str, Any]
) -> None:
    assert chat.ask("Hi", model=model, **asked).status_code == 200

    body = upstream.requests[0].body
    assert {name: body[name] for name in body.keys() - {"model", "messages", *STREAMING}} == sent
