"""Journey: unusual requests that are valid."""

from typing import Any

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api, new_id, user
from tests.journeys.rows import Rows


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"model": "gpt-4o", "question": "Hi"}',
        b' \r\n{"model": "gpt-4o", "question": "Hi"}\n\n',
        b'{"question": "Hello", "model": "gpt-4", "model": "gpt-4o", "question": "Hi"}',
        b'{"model": "gpt-4o", "question": "\\u0048i"}',
        b'{"model": "gpt-4o", "question": "Hi", "' + b"x" * 10_000 + b'": 1}',
        b'{"model": "gpt-4o", "question": "Hi", "deep": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"model": "gpt-4o", "question": "Hi", "huge": 123456789012345678901234567890}',
    ],
    ids=["byte order mark", "white space", "twice", "escaped", "long unknown name", "deep unknown", "huge unknown"],
)
def test_a_valid_but_unusual_body_is_understood(api: Api, upstream: FakeUpstream, body: bytes) -> None:
    response = api.post(body)

    assert response.status_code == 200, response.text
    assert upstream.requests[0].body["model"] == "gpt-4o"
    assert upstream.requests[0].messages == [user("Hi")]


@pytest.mark.parametrize(
    ("stateful", "is_stored"),
    [
        ("true", True),
        ("True", True),
        (" TRUE ", True),
        ("false", False),
        ("False", False),
        (True, True),
        (False, False),
    ],
)
def test_stateful_may_be_a_string(
    api: Api, upstream: FakeUpstream, rows: Rows, stateful: str | bool, is_stored: bool
) -> None:
    thread = new_id()

    api.answer("Hi", id=thread, stateful=stateful)

    assert len(rows.conversations(thread)) == is_stored


@pytest.mark.parametrize(
    "fields",
    [{"callback_url": ""}, {"async": False}, {"async": "false"}, {"action": "chat"}, {"action": ""}, {"ids": ["x"]},
     {"application_id": 7, "user_id": None, "messages": [], "title": "x"}],
    ids=repr,
)  # fmt: skip
def test_fields_without_a_meaning_here_are_ignored(api: Api, upstream: FakeUpstream, fields: dict[str, Any]) -> None:
    api.answer("Hi", **fields)

    assert upstream.requests[0].body.keys() == {"model", "messages", "stream", "stream_options"}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_the_content_type_does_not_matter(api: Api, upstream: FakeUpstream, content_type: str) -> None:
    body = b'{"model": "gpt-4o", "question": "Hi"}'

    response = api.post(body, headers={"Content-Type": content_type})

    assert response.status_code == 200, response.text
    assert upstream.requests[0].messages == [user("Hi")]


@pytest.mark.parametrize(
    "question",
    [
        "\x01\x02\x1b[31m\x7f",
        "\ufffe\uffff\U0010ffff",
        "\u202e\u200b\u2066",
        "e\u0301 \u00e9",
        "null",
        "0",
        "[]",
        "{{ 7*7 }} ${jndi} %s %(model)s {0}",
        "' OR 1=1; --",
        "\\u0000",
        "x",
    ],
    ids=repr,
)
def test_any_text_comes_through_and_back_unchanged(api: Api, upstream: FakeUpstream, question: str) -> None:
    thread = new_id()

    answer = api.answer(question, id=thread, preset=question, references=[question])
    api.answer("Again", id=thread)

    (system, first, *_) = upstream.requests[1].messages
    assert system["content"] == question
    assert first["content"][0]["text"] == question
    assert f"\n{question}\n" in first["content"][1]["text"]
    assert answer["answer"].startswith(f"2 messages; the last user message: {question}")


def test_a_large_reference_stays_within_the_bounds_of_a_body(api: Api, upstream: FakeUpstream) -> None:
    picture = "data:image/png;base64," + "A" * 5_000_000

    response = api.post({"model": MODEL, "question": "What is it?", "references": [picture], "stateful": True})

    assert response.status_code == 200, response.text
    assert upstream.requests[0].messages[0]["content"][1]["image_url"]["url"] == picture
