"""Journey: a vendor's stream that is split, stalls, breaks or is malformed after its first word."""

import json

import pytest

from tests.fakes.replies import Json, Reply, chunk, fails, says, streams, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SSE, Api, assistant, new_id, refusal, user
from tests.journeys.rows import Rows

TEXT = ("Hel", "lo, 你", "好 🙂", "\u2028 a\nb\r\n\\n")
WHOLE = "".join(TEXT)
FAILED = {"code": "chat_error", "message": "The model failed to answer."}


@pytest.mark.parametrize(
    "reply",
    [
        *(says(*TEXT).split(size) for size in (1, 2, 3, 5, 7, 64, 4096)),
        says(*TEXT).with_crlf(),
        says(*TEXT).with_crlf().split(1),
        says(*TEXT).with_lone_cr().split(3),
        says(*TEXT).with_comments().split(2),
        says(*TEXT, done=False),
        says(*TEXT, finish=None),
        says(*TEXT, usage=tokens(3, 9)),
        says(*TEXT, reasoning=["Let me ", "think"]),
    ],
    ids=[
        *(f"writes of {size}" for size in (1, 2, 3, 5, 7, 64, 4096)),
        "CRLF",
        "CRLF by bytes",
        "CR",
        "comments",
        "no DONE",
        "no finish",
        "usage",
        "thoughts",
    ],
)
@pytest.mark.parametrize("accept", ["", NDJSON])
def test_the_answer_is_whole_however_it_is_sent(api: Api, upstream: FakeUpstream, reply: Reply, accept: str) -> None:
    upstream.script(reply)

    response = api.ask("Hello", accept=accept)

    assert response.status_code == 200
    assert json.loads(response.content.splitlines()[-1])["answer"] == WHOLE
    assert len(upstream.requests) == 1


def test_a_stall_only_takes_longer(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo").stalled_after(2))

    with api.ask("Hello", accept=NDJSON, stream=True) as response:
        lines = response.iter_lines()
        first = json.loads(next(lines))
        upstream.release()
        last = json.loads(list(lines)[-1])

    assert first["answer"] == "Hel"
    assert (last["answer"], last.get("error")) == ("Hello", None)
    assert len(upstream.requests) == 1


def test_ndjson_that_breaks_off_ends_with_an_error_line(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(says("One"), says("Hel", "lo", "!").apart().cut_after(3), says("Three"))
    api.answer("1", id=thread)

    response = api.ask("2", id=thread, accept=NDJSON)

    *_, before, last = [json.loads(line) for line in response.content.split(b"\r\n") if line]
    run = rows.ended(response)
    assert response.status_code == 200
    assert before == {"answer": "Hello", "delta_answer": "lo", "id": thread}
    trace = last.pop("trace_id")
    assert last == {"answer": "Hello", "delta_answer": "", "id": thread, "error": FAILED}
    assert (run["status"], run["error_code"], str(run["trace_id"])) == ("failed", "upstream_failed", trace)
    assert run["answer"]["choices"][0]["parts"][0]["text"] == "Hello"
    assert len(upstream.requests) == 2
    api.answer("3", id=thread)
    assert upstream.requests[2].messages == [user("1"), assistant("One"), user("3")]


def test_sse_that_breaks_off_ends_with_an_error_event_and_done(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("Hel", "lo").cut_after(2))

    events = api.ask("Hello", id=thread, accept=SSE).text.split("\n\n")

    assert events[0] == f'id: 1\ndata: {{"delta_answer":"Hel","id":"{thread}"}}'
    last = json.loads(events[1].partition("\ndata: ")[2])
    assert last.keys() == {"delta_answer", "id", "error", "trace_id"}
    assert (last["delta_answer"], last["error"]) == ("", FAILED)
    assert events[2:] == ["data: [DONE]", ""]


def test_a_json_answer_that_breaks_off_is_asked_for_again(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(says("Wrong", "!").cut_after(2), says("Right."), says("Next."))

    response = api.ask("Hello", id=thread)
    api.answer("And?", id=thread)

    run = rows.run(response)
    assert response.json() == {"id": thread, "answer": "Right."}
    assert (run["status"], run["attempt"], run["attempts_lost"]) == ("completed", 2, 1)
    assert upstream.requests[2].messages == [user("Hello"), assistant("Right."), user("And?")]
    assert len(upstream.requests) == 3


def test_a_json_answer_that_always_breaks_off_fails(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(*[says("Wrong", "!").cut_after(2)] * 3, says("Fine."))

    response = api.ask("Hello", id=thread)
    api.answer("Again", id=thread)

    assert refusal(response) == (500, "chat_error", FAILED["message"])
    assert rows.run(response)["attempt"] == 3
    assert len(upstream.requests) == 4
    assert upstream.requests[3].messages == [user("Again")]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"message": "Overloaded", "code": 529}, "chat_error"),
        ({"message": "slow down", "type": "rate_limit_error"}, "api_error"),
        ({"message": "Forbidden words", "type": "invalid_request_error"}, "bad_request"),
    ],
)
def test_an_error_object_in_the_middle_is_the_streams_error(
    api: Api, upstream: FakeUpstream, error: Json, code: str
) -> None:
    upstream.script(streams(chunk({"content": "Hel"}), {"error": error}, "[DONE]"))

    *_, last = api.lines("Hello")

    assert (last["answer"], last["error"]["code"]) == ("Hel", code)
    assert len(upstream.requests) == 1


def test_a_cut_after_the_vendor_finished_is_no_failure(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("Hello", usage=tokens(1, 2)).cut_after(3))

    *_, last = api.lines("Hello")

    assert (last["answer"], last.get("error")) == ("Hello", None)


def test_usage_after_the_end_is_kept(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    upstream.script(says("Hello", usage=tokens(11, 22)), says("Hello"))

    reported = rows.run(api.ask("Hello", stateful=True))["usage"]
    estimated = rows.run(api.ask("Hello", stateful=True))["usage"]

    assert (reported["prompt_tokens"], reported["completion_tokens"], reported["source"]) == (11, 22, "reported")
    assert estimated["source"] == "estimated"
    assert estimated["prompt_tokens"] > 0


def test_reasoning_is_stored_but_is_not_part_of_the_answer(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(says("42", reasoning=["Inner ", "thought"]).apart())

    response = api.ask("6*7?", id=thread, model="deepseek-r1")

    assert response.json() == {"id": thread, "answer": "42"}
    (message,) = rows.all(
        "SELECT parts FROM conversations_message WHERE run_id = %s AND role = 'assistant'", rows.run(response)["id"]
    )
    assert "Inner thought" in json.dumps(message["parts"])


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_an_empty_answer_fails_and_is_not_in_the_thread(
    api: Api, upstream: FakeUpstream, rows: Rows, accept: str
) -> None:
    thread = new_id()
    upstream.on_text("nothing", says())
    upstream.on_text("1", says("One"))

    api.answer("1", id=thread)
    empty = api.ask("nothing", id=thread, accept=accept)
    api.answer("3", id=thread)

    assert refusal(empty)[:2] == (500, "chat_error")
    assert rows.run(empty)["status"] == "failed"
    assert upstream.requests[-1].messages == [user("1"), assistant("One"), user("3")]


def test_an_empty_answer_is_asked_for_again(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says(), says("Here I am"))

    assert api.answer("Hello?")["answer"] == "Here I am"
    assert len(upstream.requests) == 2


def test_a_failure_after_reasoning_is_not_retried_for_a_stream(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("42", reasoning=["Hm"]).cut_after(2), fails(500))

    response = api.ask("6*7?", accept=NDJSON)

    assert len(upstream.requests) == 1
    thought, end = map(json.loads, response.content.splitlines())
    assert (thought["thinking"], thought["answer"], end["answer"], end["error"]) == ("Hm", "", "", FAILED)
