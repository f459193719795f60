"""Journey: a stream is resumed after a crash, a silence or an expiry."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import requests

from tests.fakes.replies import fails, says
from tests.fakes.upstream import PATIENCE_SECONDS, FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SILENCE_SECONDS, SSE, Api, new_id, refusal
from tests.journeys.clients.progress import wait_for_words
from tests.journeys.clients.runs import wait_for_runs
from tests.journeys.clients.streams import APART, TEXT, WHOLE, after, attach, blocks, events, position, text
from tests.journeys.rows import RUNS, Rows
from tests.journeys.service import Service
from tests.waiting import eventually


def test_after_the_log_expired_the_row_gives_the_same_text(
    api: Api, upstream: FakeUpstream, valkey: redis.Redis
) -> None:
    """In fewer events, but split at the reader's position."""
    upstream.script(APART)
    first = api.ask("Hello", id=(thread := new_id()), accept=SSE)
    run_id, whole = first.headers["X-Run-Id"], events(first)

    valkey.flushall()
    resumed = [events(attach(api, run_id, starting_after=place)) for place in range(6)]
    lines = attach(api, run_id, format="ndjson", starting_after=2).content

    assert [text(found) for found in resumed] == ["".join(TEXT[place:]) for place in range(6)]
    assert [position(found[-1]) for found in resumed] == [position(whole[-1])] * 6
    assert json.loads(lines) == {"answer": WHOLE, "delta_answer": "".join(TEXT[2:]), "id": thread}
    assert attach(api, run_id, format="json").json() == {"id": thread, "answer": WHOLE}
    assert len(upstream.requests) == 1


def test_a_flushed_valkey_leaves_no_gap(api: Api, upstream: FakeUpstream, valkey: redis.Redis) -> None:
    """The worker writes its log again from memory; readers from before and after get every event once."""
    upstream.script(APART.stalled_after(4))

    with ThreadPoolExecutor() as threads, api.ask("Hello", id=new_id(), accept=SSE, stream=True) as first:
        run_id = first.headers["X-Run-Id"]
        read = blocks(first)
        whole = [next(read) for _ in range(3)]
        wait_for_words(upstream, 3)
        valkey.flushall()
        meanwhile = threads.submit(attach, api, run_id, starting_after=1)
        upstream.requests[0].finished.wait(0.3)
        upstream.release()
        whole += read
        late = [events(attach(api, run_id, starting_after=place)) for place in range(6)]

    assert text(whole) == WHOLE
    assert events(meanwhile.result()) == after(whole, 1)
    assert late == [after(whole, place) for place in range(6)]
    assert len(upstream.requests) == 1


def test_a_late_readers_status_waits_for_the_first_event_too(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(fails(400, "No").silent())

    with ThreadPoolExecutor() as threads:
        asked = threads.submit(api.ask, "Hello", id=thread)
        upstream.wait_for_requests(1)
        (run_id,) = wait_for_runs(api, thread)
        late = threads.submit(attach, api, run_id)
        marked = f"SELECT is_streamed FROM {RUNS} WHERE public_id = %s"
        eventually(lambda: rows.all(marked, run_id), lambda found: found == [{"is_streamed": True}])
        upstream.release()

    assert refusal(asked.result())[:2] == (400, "bad_request")
    assert refusal(late.result())[:2] == (400, "bad_request")


def test_a_stream_is_resumed_after_the_web_process_was_killed(
    api: Api, service: Service, upstream: FakeUpstream, rows: Rows
) -> None:
    upstream.script(APART.stalled_after(4))

    with api.ask("Hello", id=new_id(), accept=SSE, stream=True) as first:
        run_id = first.headers["X-Run-Id"]
        read = blocks(first)
        seen = [next(read) for _ in range(3)][:2]
        service.kill("web")
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            next(read)
    eventually(lambda: is_ready(api), bool)
    with attach(api, run_id, starting_after=2, stream=True) as second:
        upstream.release()
        seen += blocks(second)

    assert text(seen) == WHOLE
    assert [position(event) for event in seen[:-1]] == [1, 2, 3, 4, 5]
    assert events(attach(api, run_id)) == seen
    assert (rows.run(first)["status"], rows.run(first)["attempt"]) == ("completed", 1)
    assert len(upstream.requests) == 1


def is_ready(api: Api) -> bool:
    try:
        return requests.get(f"{api.base_url}/readyz", timeout=30).status_code == 200
    except requests.RequestException:
        return False


def test_the_response_begins_after_a_long_silence(api: Api, upstream: FakeUpstream) -> None:
    """A keep-alive is sent for proxies; a failure after that is reported inside the stream."""
    upstream.on_text("speaks", says("Hel", "lo").silent())
    upstream.on_text("fails", fails(400, "No").silent())
    asked = [(question, accept) for question in ("speaks", "fails") for accept in (SSE, NDJSON)]
    all_begun = threading.Barrier(len(asked))

    def ask(question: str, accept: str) -> tuple[float, bytes, bytes]:
        began = time.monotonic()
        with api.ask(question, id=new_id(), accept=accept, stream=True) as response:
            waited = time.monotonic() - began
            chunks = response.iter_content(chunk_size=None)
            first = next(chunks) if accept == SSE else b""
            all_begun.wait(PATIENCE_SECONDS)
            upstream.release()
            return waited, first, b"".join(chunks)

    with ThreadPoolExecutor() as threads:
        found = list(threads.map(lambda pair: ask(*pair), asked))

    (_, ping, said), (_, _, line), (_, failing_ping, failed), (_, _, failed_line) = found
    # After one silence, not after the next.
    assert all(SILENCE_SECONDS - 0.5 < waited < 2 * SILENCE_SECONDS for waited, _, _ in found)
    assert ping == failing_ping == b": PING\n\n"
    assert text(said.decode().removesuffix("\n\n").split("\n\n")) == "Hello"
    assert json.loads(line.split(b"\r\n")[-2])["answer"] == "Hello"
    assert json.loads(failed.partition(b"data: ")[2].partition(b"\n\n")[0])["error"]["code"] == "bad_request"
    assert failed.endswith(b"\n\ndata: [DONE]\n\n")
    assert json.loads(failed_line)["error"]["code"] == "bad_request"
    assert len(upstream.requests) == 4
