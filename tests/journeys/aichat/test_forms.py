"""Journey: one answer as JSON, NDJSON or SSE, byte by byte, and who gets which."""

import json
import re
import uuid

import pytest
import requests

from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SSE, Api, new_id

JSON = "application/json"
NDJSON_TYPE = "application/x-ndjson; charset=utf-8"
SSE_TYPE = "text/event-stream; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        (JSON, JSON),
        ("text/html, image/*;q=0.1", JSON),
        ("no such thing", JSON),
        (NDJSON, NDJSON_TYPE),
        ("APPLICATION/X-NDJSON", NDJSON_TYPE),
        ("application/ndjson", NDJSON_TYPE),
        (f"application/json, {NDJSON};q=0.1", NDJSON_TYPE),
        (SSE, SSE_TYPE),
        (f"{SSE}, {NDJSON}", SSE_TYPE),
        (f"{NDJSON}, {SSE}", NDJSON_TYPE),
    ],
)
def test_accept_chooses_the_form_and_is_never_refused(
    api: Api, upstream: FakeUpstream, accept: str, content_type: str
) -> None:
    response = api.ask("Hello", accept=accept)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == content_type
    assert re.fullmatch(r"run_[0-9a-f]{32}", response.headers["X-Run-Id"])


def test_no_accept_header_at_all_means_json(api: Api, upstream: FakeUpstream) -> None:
    with requests.Session() as session:
        session.headers.clear()
        response = session.post(api.url, json={"model": "gpt-4o", "question": "Hi"}, headers=api.headers, timeout=30)

    assert "accept" not in {name.lower() for name in response.request.headers}
    assert response.headers["Content-Type"] == JSON
    assert response.json()["answer"] == "1 messages; the last user message: Hi"


def test_json_has_the_answer_in_raw_utf_8(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("你好", " 🙂\u2028"))

    response = api.ask("Hello", id="t1", stateful=False)

    assert response.content == '{"id":"t1","answer":"你好 🙂\u2028"}'.encode()
    assert response.headers["Content-Length"] == str(len(response.content))


def test_ndjson_lines_have_every_key_and_grow(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("Hel", "lo, ", "你🙂").apart())

    response = api.ask("Hello", accept=NDJSON, id=thread)

    assert response.content == (
        b'{"answer": "Hel", "delta_answer": "Hel", "id": "%(id)b"}\r\n'
        b'{"answer": "Hello, ", "delta_answer": "lo, ", "id": "%(id)b"}\r\n'
        b'{"answer": "Hello, \\u4f60\\ud83d\\ude42", "delta_answer": "\\u4f60\\ud83d\\ude42", "id": "%(id)b"}\r\n'
    ) % {b"id": thread.encode()}
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Cache-Control"] == "no-cache, no-store"
    assert "Content-Length" not in response.headers


def test_an_unstored_stream_has_one_id_throughout(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("a", "b", "c").apart())

    lines = api.lines("Hello")

    (name,) = {line["id"] for line in lines}
    assert uuid.UUID(name).version == 4
    assert [line["answer"] for line in lines] == ["a", "ab", "abc"]


def test_no_ndjson_line_ends_one_byte_after_a_reading_block(api: Api, upstream: FakeUpstream) -> None:
    """Lines of every length around two blocks of 512 bytes; a padded line shows where it would have ended."""
    upstream.script(says("x" * 420, *"y" * 20).apart())

    response = api.ask("Hello", accept=NDJSON)

    lines = response.content.split(b"\r\n")
    assert lines.pop() == b""
    assert len(lines) == 21
    for line in lines:
        assert (len(line) + 2) % 512 != 1
        assert line.endswith(b"}") or (line.endswith(b"} ") and len(line) % 512 == 0)


def test_sse_has_positions_deltas_and_an_end(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("Hel", "lo, ", "你🙂").apart())

    response = api.ask("Hello", accept=SSE, id=thread)

    *events, end, rest = response.text.split("\n\n")
    assert events == [
        f'id: 1\ndata: {{"delta_answer":"Hel","id":"{thread}"}}',
        f'id: 2\ndata: {{"delta_answer":"lo, ","id":"{thread}"}}',
        f'id: 3\ndata: {{"delta_answer":"\\u4f60\\ud83d\\ude42","id":"{thread}"}}',
    ]
    assert re.fullmatch(r"id: \d+\ndata: \[DONE\]", end)
    assert rest == ""
    assert b"\r" not in response.content
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Cache-Control"] == "no-cache, no-store"


@pytest.mark.parametrize("accept", [NDJSON, SSE])
def test_the_first_words_are_sent_before_the_last_are_made(api: Api, upstream: FakeUpstream, accept: str) -> None:
    upstream.script(says("First", "last").stalled_after(2))

    with api.ask("Hello", accept=accept, stream=True) as response:
        chunks = response.iter_content(chunk_size=None)
        first = next(chunks)
        assert not upstream.requests[0].finished.is_set()
        upstream.release()
        rest = b"".join(chunks)

    assert b"First" in first
    assert b"last" not in first
    assert b"last" in rest


def test_an_answer_without_text_still_has_the_id(api: Api, upstream: FakeUpstream) -> None:
    called = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    upstream.default = lambda _: says(tool_calls=[called], finish="tool_calls")

    whole = api.answer("Hello", stateful=False, id="c-1")
    lines = api.lines("Hello", stateful=False, id="c-1")
    events = api.ask("Hello", stateful=False, id="c-1", accept=SSE).text.split("\n\n")

    assert whole == {"id": "c-1", "answer": ""}
    assert lines == [{"answer": "", "delta_answer": "", "id": "c-1"}]
    assert json.loads(events[0].partition("data: ")[2]) == {"delta_answer": "", "id": "c-1"}
    assert events[1] == "data: [DONE]"


def test_reasoning_is_sent_only_in_streams_and_beside_the_answer(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.default = lambda _: says("4", "2", reasoning=["Six ", "times."])

    whole = api.answer("6*7?", id=thread)
    lines = api.lines("6*7?", id=thread)
    events = [event.partition("data: ")[2] for event in api.ask("6*7?", id=thread, accept=SSE).text.split("\n\n")]

    assert whole == {"id": thread, "answer": "42"}
    assert lines[0] == {"answer": "", "delta_answer": "", "id": thread, "thinking": lines[0]["thinking"]}
    assert lines[-1] == {"answer": "42", "delta_answer": lines[-1]["delta_answer"], "id": thread}
    payloads = [json.loads(event) for event in events[: events.index("[DONE]")]]
    for found in (lines, payloads):
        assert "".join(item["delta_answer"] for item in found) == "42"
        assert "".join(item.get("thinking", "") for item in found) == "Six times."
        assert all(not item["delta_answer"] or "thinking" not in item for item in found)


def test_an_error_before_the_first_word_is_json_in_every_form(api: Api, upstream: FakeUpstream) -> None:
    for accept in ("", NDJSON, SSE):
        response = api.ask("", accept=accept)

        assert response.status_code == 400
        assert response.headers["Content-Type"] == JSON
    assert upstream.requests == []
