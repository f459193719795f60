"""Journey: a stream is resumed from any position by any number of readers."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SSE, Api, new_id, refusal
from tests.journeys.clients.runs import wait_for_runs
from tests.journeys.clients.streams import APART, TEXT, WHOLE, after, attach, blocks, events, position, text
from tests.journeys.rows import RUNS, Rows


def test_an_ended_stream_is_read_again_from_every_position(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(APART)
    first = api.ask("Hello", id=new_id(), accept=SSE)
    run_id, whole = first.headers["X-Run-Id"], events(first)
    places = range(position(whole[-1]))

    resumed = [events(attach(api, run_id, starting_after=place)) for place in places]
    by_header = [events(attach(api, run_id, headers={"Last-Event-ID": str(place)})) for place in places]

    assert (len(whole), text(whole)) == (len(TEXT) + 1, WHOLE)
    assert resumed == by_header == [after(whole, place) for place in places]
    assert len(upstream.requests) == 1


def test_a_running_stream_is_resumed_from_every_position(api: Api, upstream: FakeUpstream) -> None:
    """Each reader gets the earlier text at once, and the rest as it arrives."""
    upstream.script(APART.stalled_after(4))

    with ThreadPoolExecutor() as threads:
        asked = threads.submit(api.ask, "Hello", id=(thread := new_id()), accept=SSE)
        upstream.wait_for_requests(1)
        (run_id,) = wait_for_runs(api, thread)
        with attach(api, run_id, stream=True) as early:
            lines = early.iter_lines()
            while next(lines) != b"id: 3":
                pass
            readers = [threads.submit(attach, api, run_id, starting_after=place) for place in range(4)]
            upstream.requests[0].finished.wait(0.3)
            upstream.release()
            whole = events(asked.result())
            resumed = [events(reader.result()) for reader in readers]

    assert text(whole) == WHOLE
    assert resumed == [after(whole, place) for place in range(4)]
    assert len(upstream.requests) == 1


def test_a_reader_resumes_after_every_single_event(api: Api, upstream: FakeUpstream) -> None:
    """Resume after every single event."""
    # The run ends only after all words were read: of an ended run the rest may come as one event.
    upstream.script(APART.stalled_after(1 + len(TEXT)))
    seen: list[str] = []

    with api.ask("Hello", id=new_id(), accept=SSE, stream=True) as first:
        run_id = first.headers["X-Run-Id"]
        seen.append(next(blocks(first)))
    while not seen[-1].endswith("[DONE]"):
        if len(seen) == len(TEXT):
            upstream.release()
        with attach(api, run_id, headers={"Last-Event-ID": str(position(seen[-1]))}, stream=True) as response:
            seen.append(next(blocks(response)))

    assert events(attach(api, run_id)) == seen
    assert text(seen) == WHOLE
    assert len(upstream.requests) == 1


def test_the_reader_chooses_the_form_of_the_stream(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(APART)
    run_id = api.ask("Hello", id=thread, accept=NDJSON).headers["X-Run-Id"]
    choices: list[tuple[str, dict[str, str], dict[str, Any]]] = [
        ("text/event-stream; charset=utf-8", {}, {}),
        ("text/event-stream; charset=utf-8", {"Accept": "*/*"}, {}),
        ("text/event-stream; charset=utf-8", {"Accept": SSE}, {}),
        ("text/event-stream; charset=utf-8", {"Accept": NDJSON}, {"format": "sse"}),
        ("application/x-ndjson; charset=utf-8", {"Accept": NDJSON}, {}),
        ("application/x-ndjson; charset=utf-8", {"Accept": SSE}, {"format": "ndjson"}),
        ("application/json", {"Accept": "application/json"}, {}),
        ("application/json", {"Accept": SSE}, {"format": "json"}),
    ]

    responses = [attach(api, run_id, headers=headers, **query) for _, headers, query in choices]

    assert [response.headers["content-type"] for response in responses] == [kind for kind, _, _ in choices]
    assert {response.headers["X-Run-Id"] for response in responses} == {run_id}
    for response in responses[:6]:
        assert (response.headers["X-Accel-Buffering"], response.headers["Cache-Control"]) == (
            "no",
            "no-cache, no-store",
        )
    for response in responses[6:]:
        assert response.json() == {"id": thread, "answer": WHOLE}
    assert text(events(responses[0])) == WHOLE


def test_resumed_ndjson_lines_have_the_whole_answer(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(APART)
    first = api.ask("Hello", id=new_id(), accept=NDJSON)
    whole = first.content.splitlines(keepends=True)

    resumed = [attach(api, first.headers["X-Run-Id"], format="ndjson", starting_after=place) for place in range(5)]

    assert [response.content for response in resumed] == [b"".join(whole[place:]) for place in range(5)]


def test_json_is_always_the_whole_answer(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(APART.stalled_after(3))

    with ThreadPoolExecutor() as threads, api.ask("Hello", id=thread, accept=SSE, stream=True) as response:
        run_id = response.headers["X-Run-Id"]
        readers = [threads.submit(attach, api, run_id, format="json", starting_after=place) for place in (0, 2)]
        upstream.release()
        answers = [reader.result().json() for reader in readers]

    assert answers == [{"id": thread, "answer": WHOLE}] * 2


def test_an_event_has_its_position_before_its_data(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(APART)
    first = api.ask("Hello", id=new_id(), accept=SSE)

    for response in (first, attach(api, first.headers["X-Run-Id"])):
        assert all(re.fullmatch(r"id: \d+\ndata: .*", event) for event in events(response))
        places = [position(event) for event in events(response)]
        assert places[:-1] == [1, 2, 3, 4, 5]
        assert places[-1] > 5


def test_many_readers_read_the_same(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says(*TEXT * 4).apart())

    with ThreadPoolExecutor(20) as threads:
        with api.ask("Hello", id=new_id(), accept=SSE, stream=True) as first:
            run_id = first.headers["X-Run-Id"]
            readers = [threads.submit(attach, api, run_id) for _ in range(20)]
            whole = list(blocks(first))
        read = [events(reader.result()) for reader in readers]

    assert text(whole) == WHOLE * 4
    assert read == [whole] * 20
    assert len(upstream.requests) == 1


def test_a_reader_beyond_the_end_gets_only_the_end(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(APART)
    first = api.ask("Hello", id=new_id(), accept=SSE)
    run_id, end = first.headers["X-Run-Id"], position(events(first)[-1])

    for place in (end, end + 1, 2**31):
        assert events(attach(api, run_id, starting_after=place)) == [f"id: {end}\ndata: [DONE]"]
        (line,) = attach(api, run_id, starting_after=place, format="ndjson").content.splitlines()
        assert (json.loads(line)["answer"], json.loads(line)["delta_answer"]) == (WHOLE, "")
    assert attach(api, run_id, starting_after=end, format="json").json()["answer"] == WHOLE


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        *(({"format": form}, {}) for form in ("xml", "SSE", "text/event-stream")),
        *(({"starting_after": number}, {}) for number in ("-1", "x", "", "1.5", "٣", "2147483649", "9" * 40)),
        ({}, {"Last-Event-ID": "x"}),
        ({}, {"Last-Event-ID": "-1"}),
    ],
    ids=str,
)
def test_a_bad_query_is_refused(api: Api, query: dict[str, Any], headers: dict[str, str]) -> None:
    run_id = api.ask("Hello", id=new_id()).headers["X-Run-Id"]

    response = attach(api, run_id, headers=headers, **query)

    assert refusal(response)[:2] == (400, "bad_request")


def test_an_unstored_turn_has_no_second_reader(api: Api, other_api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo").stalled_after(2))

    with api.ask("Hello", stateful=False, accept=SSE, stream=True) as response:
        run_id = response.headers["X-Run-Id"]
        refused = [attach(by, run_id) for by in (api, other_api)]
        upstream.release()
        assert response.text.endswith("[DONE]\n\n")
    refused.append(attach(api, run_id))

    assert [refusal(one) for one in refused] == [(404, "not_found", "run not found")] * 3


def test_a_reader_marks_a_json_run_as_streamed(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    """Its text was shown, so it is not restarted when the vendor's connection breaks: answers are never mixed."""
    thread = new_id()
    upstream.script(says("Hel", "lo").stalled_after(2).cut_after(3), says("Another"))

    with ThreadPoolExecutor() as threads:
        asked = threads.submit(api.ask, "Hello", id=thread)
        upstream.wait_for_requests(1)
        (run_id,) = wait_for_runs(api, thread)
        with attach(api, run_id, stream=True) as reader:
            read = blocks(reader)
            seen = [next(read)]
            is_marked = rows.all(f"SELECT is_streamed FROM {RUNS} WHERE public_id = %s", run_id)[0]["is_streamed"]
            upstream.release()
            seen += read

    assert is_marked
    assert refusal(asked.result())[:2] == (500, "chat_error")
    assert '"error"' in seen[-2]
    assert seen[-1] == "data: [DONE]"
    assert (rows.run(reader)["status"], rows.run(reader)["attempt"]) == ("failed", 1)
    assert len(upstream.requests) == 1


def test_a_failed_stream_fails_again_for_its_later_readers(
    api: Api, upstream: FakeUpstream, valkey: redis.Redis
) -> None:
    upstream.script(says("Hel", "lo").apart().cut_after(3), fails(400, "No"))
    broken, refused = (api.ask("Hello", id=new_id(), accept=SSE) for _ in range(2))

    for _ in ("from the log", "from the database"):
        again = events(attach(api, broken.headers["X-Run-Id"]))
        assert again[-2:] == events(broken)[-2:]
        assert '"error"' in again[-2]
        assert text(again) == "Hello"
        assert events(attach(api, broken.headers["X-Run-Id"], starting_after=1)) == events(broken)[1:]
        assert refusal(attach(api, refused.headers["X-Run-Id"]))[:2] == refusal(refused)[:2] == (400, "bad_request")
        assert refusal(attach(api, refused.headers["X-Run-Id"], format="json"))[:2] == (400, "bad_request")
        valkey.flushall()
