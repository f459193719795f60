"""Conformance: chats, whole and streamed, as each SDK returns them."""

from typing import Any

import pytest

from tests.conformance.expected import choice, streamed
from tests.conformance.sdks import Sdk
from tests.fakes.replies import says, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, user

pytestmark = pytest.mark.conformance

HI = [user("Hi")]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


def test_is_the_expected_version(sdk: Sdk) -> None:
    assert sdk.version == sdk.kind.version


def test_answers_a_chat(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo 你好\u2028", usage=tokens(9, 2)))

    result = sdk.ask("chat", model=MODEL, messages=HI)

    assert result.pop("id").startswith("chatcmpl-")
    assert result == {
        "headers": {"openai-version": "2020-10-01"},
        "object": "chat.completion",
        "model": MODEL,
        "choices": [choice(0, "Hello 你好\u2028")],
        "usage": [9, 2, 11],
        "request_id": "req_",
        "http_requests": 1,
    }


def test_gives_as_many_answers_as_asked_for(sdk: Sdk, upstream: FakeUpstream) -> None:
    """The vendor gives one at a time."""
    upstream.script(says("one", usage=tokens(9, 1)), says("two", usage=tokens(9, 1)))

    result = sdk.ask("chat", model=MODEL, messages=HI, n=2)

    assert result["choices"] == [choice(0, "one"), choice(1, "two")]
    assert len(upstream.requests) == 2
    assert result["http_requests"] == 1


def test_shows_an_image_to_the_model(sdk: Sdk, upstream: FakeUpstream) -> None:
    messages = [
        user([
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        ])
    ]  # fmt: skip
    upstream.script(says("A pixel."))

    result = sdk.ask("chat", model=MODEL, messages=messages)

    assert result["choices"] == [choice(0, "A pixel.")]
    assert upstream.requests[0].messages == messages


@pytest.mark.parametrize(
    ("options", "usages", "without_choice"),
    [({}, [], 0), ({"stream_options": {"include_usage": True}}, [[9, 2, 11]], 1)],
    ids=["without usage", "with usage"],
)
def test_streams_a_chat(
    sdk: Sdk, upstream: FakeUpstream, options: Any, usages: list[list[int]], without_choice: int
) -> None:
    upstream.script(says("Hel", "lo 你好\u2028", usage=tokens(9, 2)).apart())

    result = sdk.ask("stream", model=MODEL, messages=HI, **options)

    assert result == streamed({"0": "Hello 你好\u2028"}, usages=usages, without_choice=without_choice)


def test_streams_several_answers(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(says("one"), says("two"))

    result = sdk.ask("stream", model=MODEL, messages=HI, n=2)

    assert result == streamed({"0": "one", "1": "two"})


def test_the_sdks_stream_helper_adds_up_the_answer(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo", usage=tokens(9, 2)))

    result = sdk.ask("stream_helper", model=MODEL, messages=HI, stream_options={"include_usage": True})

    assert result == {"choices": [choice(0, "Hello")], "usage": [9, 2, 11], "http_requests": 1}


def test_answers_many_at_once_over_one_async_client(python_sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.on_text("Hi", says("Hello"))

    result = python_sdk.ask("async_chats", model=MODEL, messages=HI)

    assert result == {"contents": ["Hello"] * 8, "http_requests": 8}
    assert len(upstream.requests) == 8


def test_streams_to_an_async_client(python_sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo", usage=tokens(9, 2)))

    result = python_sdk.ask("async_stream", model=MODEL, messages=HI, stream_options={"include_usage": True})

    assert result == streamed({"0": "Hello"}, usages=[[9, 2, 11]], without_choice=1)


def test_parses_a_structured_answer(sdk: Sdk, upstream: FakeUpstream) -> None:
    upstream.script(says('{"name": "Bonn", ', '"people": 330000}'))

    result = sdk.ask("parse", model=MODEL, messages=HI)

    assert result == {"is_parsed": True, "parsed": {"name": "Bonn", "people": 330_000}, "http_requests": 1}
    asked = upstream.requests[0].body["response_format"]
    assert (asked["type"], asked["json_schema"]["name"], asked["json_schema"]["strict"]) == (
        "json_schema",
        "City",
        True,
    )
    assert asked["json_schema"]["schema"]["required"] == ["name", "people"]
    assert asked["json_schema"]["schema"]["additionalProperties"] is False
