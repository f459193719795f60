"""Journey: runs that are cancelled, and readers that disconnect."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import requests

from tests.fakes.replies import Json, says, tokens
from tests.fakes.upstream import PATIENCE_SECONDS, FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SILENCE_SECONDS, SSE, Api, assistant, new_id, refusal, user
from tests.journeys.clients.disconnecting import ask_and_leave
from tests.journeys.clients.runs import cancel, retrieve, wait_for_runs
from tests.journeys.rows import RUNS, Rows
from tests.waiting import eventually

# The promised times of a cancellation, and of an unstored turn whose client disconnected. On a busy machine
# everything takes longer, so tests wait longer; they observe for this long that nothing happens.
EFFECTIVE_SECONDS = 1.0


def wait_for_text(api: Api, run_id: str) -> None:
    """The database is the only sign that a JSON answer has begun."""
    with requests.get(f"{api.base_url}/api/v1/runs/{run_id}/stream", headers=api.headers, stream=True, timeout=30) as r:
        next(line for line in r.iter_lines() if line.startswith(b"data: "))


def cancelled(api: Api, run_id: str) -> Json:
    """The run after a call to cancel took effect."""
    return eventually(lambda: retrieve(api, run_id), lambda run: run["status"] == "cancelled")


def test_a_stopped_answer_is_its_text_so_far(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("Hel", "lo", usage=tokens(1, 2)).stalled_after(2), says("Next"))

    with ThreadPoolExecutor() as threads:
        asked = threads.submit(api.ask, "1", id=thread)
        (run_id,) = wait_for_runs(api, thread)
        wait_for_text(api, run_id)
        answers = cancel(api, run_id)
        run = cancelled(api, run_id)
        response = asked.result(PATIENCE_SECONDS)
    api.answer("2", id=thread)

    assert (response.status_code, response.json()) == (200, {"id": thread, "answer": "Hel"})
    assert (answers["id"], answers["status"] in {"in_progress", "cancelled"}) == (run_id, True)
    assert run["cancel_requested_at"]
    assert answers["cancel_requested_at"] == run["cancel_requested_at"]
    assert (run["error"], run["usage"]["source"], run["attempt"]) == (None, "estimated", 1)
    assert run["finished_at"] > run["first_token_at"]
    assert upstream.requests[0].disconnected.wait(PATIENCE_SECONDS)
    assert upstream.requests[1].messages == [user("1"), assistant("Hel"), user("2")]
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("accept", [NDJSON, SSE])
def test_a_stopped_stream_ends_as_any_other(api: Api, upstream: FakeUpstream, accept: str) -> None:
    thread = new_id()
    upstream.script(says("Hel", "lo").stalled_after(2), says("Next"))

    with api.ask("1", id=thread, accept=accept, stream=True) as response:
        run_id = response.headers["X-Run-Id"]
        chunks = response.iter_content(chunk_size=None)
        seen = next(chunks)
        cancel(api, run_id)
        cancelled(api, run_id)
        seen += b"".join(chunks)
    api.answer("2", id=thread)

    assert b"error" not in seen
    assert b"Hel" in seen
    assert seen.endswith(b"data: [DONE]\n\n" if accept == SSE else b"}\r\n")
    assert upstream.requests[1].messages == [user("1"), assistant("Hel"), user("2")]
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
@pytest.mark.parametrize("writes", [None, 0, 1], ids=["no headers", "no byte", "no word"])
def test_a_silent_run_is_stopped_without_an_answer(
    api: Api, upstream: FakeUpstream, accept: str, writes: int | None
) -> None:
    thread = new_id()
    reply = says("Never")
    upstream.script(reply.silent() if writes is None else reply.stalled_after(writes), says("Next"))

    with ThreadPoolExecutor() as threads:
        asked = threads.submit(api.ask, "1", id=thread, accept=accept)
        (run_id,) = wait_for_runs(api, thread)
        upstream.wait_for_requests(1)
        cancel(api, run_id)
        run = cancelled(api, run_id)
        response = asked.result(PATIENCE_SECONDS)
    api.answer("2", id=thread)

    assert refusal(response) == (409, "canceled", "The run was cancelled before it had an answer.")
    assert response.headers["X-Run-Id"] == run_id
    assert (run["error"], run["usage"], run["first_token_at"]) == (None, None, None)
    assert upstream.requests[0].disconnected.wait(PATIENCE_SECONDS)
    # A question without an answer is not in the thread: some vendors refuse two user messages in a row.
    assert upstream.requests[1].messages[-1] == user("2")
    assert assistant("") not in upstream.requests[1].messages
    assert len(upstream.requests) == 2


def test_a_cancelled_queued_run_never_asks_the_vendor(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("One").stalled_after(2))

    with ThreadPoolExecutor() as threads:
        first = threads.submit(api.ask, "1", id=thread)
        wait_for_runs(api, thread)
        upstream.wait_for_requests(1)
        others: list[Future[requests.Response]] = []
        for place, accept in enumerate(("", NDJSON, SSE), start=2):
            others.append(threads.submit(api.ask, str(place), id=thread, accept=accept))
            wait_for_runs(api, thread, count=place)
        last = threads.submit(api.ask, "Last", id=thread)
        _, *waiting, _ = wait_for_runs(api, thread, count=5)
        stopped = [cancel(api, run_id) for run_id in waiting]
        began = time.monotonic()
        responses = [other.result(PATIENCE_SECONDS) for other in others]
        waited = time.monotonic() - began
        upstream.release()
        answers = [asked.result(PATIENCE_SECONDS).json()["answer"] for asked in (first, last)]

    assert [run["status"] for run in stopped] == ["cancelled"] * 3
    assert [run["attempt"] for run in stopped] == [0] * 3
    assert [refusal(response)[:2] for response in responses] == [(409, "canceled")] * 3
    assert answers[0] == "One"
    assert [request.messages[-1] for request in upstream.requests] == [user("1"), user("Last")]
    # The readers were notified.
    assert waited < SILENCE_SECONDS


def test_stopping_what_has_ended_changes_nothing(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("One"), says("Two"))
    run_id = api.ask("1", id=thread).headers["X-Run-Id"]
    before = retrieve(api, run_id)

    answers = [cancel(api, run_id) for _ in range(2)]
    api.answer("2", id=thread)

    assert answers == [before, before]
    assert retrieve(api, run_id) == before
    assert upstream.requests[1].messages == [user("1"), assistant("One"), user("2")]


def test_stopping_twice_is_stopping_once(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo").stalled_after(2))

    with api.ask("Hello", id=new_id(), accept=SSE, stream=True) as response, ThreadPoolExecutor(8) as threads:
        run_id = response.headers["X-Run-Id"]
        answers = list(threads.map(lambda _: cancel(api, run_id), range(8)))
        run = cancelled(api, run_id)
        assert cancel(api, run_id) == run

    assert {one["cancel_requested_at"] for one in answers} == {run["cancel_requested_at"]}
    assert len(upstream.requests) == 1


def test_nobody_stops_other_accounts_runs(api: Api, other_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("Hel", "lo").stalled_after(2))

    with api.ask("Hello", id=thread, accept=NDJSON, stream=True) as response:
        run_id = response.headers["X-Run-Id"]
        url = f"{api.base_url}/api/v1/runs/{run_id}/cancel"
        refused = requests.post(url, headers=other_api.headers, timeout=30)
        assert not upstream.requests[0].disconnected.wait(EFFECTIVE_SECONDS)
        upstream.release()
        last = list(response.iter_lines())[-1]

    assert refusal(refused) == (404, "not_found", "run not found")
    assert b'"answer": "Hello"' in last
    assert (retrieve(api, run_id)["status"], retrieve(api, run_id)["cancel_requested_at"]) == ("completed", None)


def test_an_unstored_run_can_be_stopped_too(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    upstream.script(says("Hel", "lo").stalled_after(2))

    with api.ask("Hello", stateful=False, accept=SSE, stream=True) as response:
        cancel(api, response.headers["X-Run-Id"])
        text = response.text

    assert text.endswith("data: [DONE]\n\n")
    assert "error" not in text
    assert eventually(lambda: rows.run(response), lambda row: row["request"] is None)["status"] == "cancelled"
    assert rows.run(response)["answer"] is None


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_a_stored_run_continues_without_its_reader(api: Api, upstream: FakeUpstream, accept: str) -> None:
    thread = new_id()
    upstream.script(says("Hel", "lo").stalled_after(2), says("Next"))

    ask_and_leave(api, upstream, id=thread, accept=accept, words=1)
    (run_id,) = wait_for_runs(api, thread)
    assert not upstream.requests[0].disconnected.wait(EFFECTIVE_SECONDS)
    upstream.release()
    run = eventually(lambda: retrieve(api, run_id), lambda run: run["finished_at"])
    api.answer("2", id=thread)

    assert (run["status"], run["attempt"], run["cancel_requested_at"]) == ("completed", 1, None)
    assert upstream.requests[1].messages == [user("1"), assistant("Hello"), user("2")]


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
@pytest.mark.parametrize("writes", [0, 2], ids=["silent", "after a word"])
def test_an_unstored_run_is_stopped_when_its_reader_leaves(
    api: Api, upstream: FakeUpstream, rows: Rows, accept: str, writes: int
) -> None:
    upstream.script(says("Hel", "lo").stalled_after(writes))
    newest = f"SELECT * FROM {RUNS} ORDER BY id DESC LIMIT 1"

    ask_and_leave(api, upstream, accept=accept, words=writes // 2)
    gone = upstream.requests[0].disconnected.wait(PATIENCE_SECONDS)
    ended = eventually(lambda: rows.all(newest)[0], lambda run: run["finished_at"])

    assert gone
    assert (ended["status"], ended["conversation_id"]) == ("cancelled", None)
    erased = eventually(lambda: rows.all(newest)[0], lambda run: run["request"] is None)
    assert (erased["answer"], erased["preset_text"]) == (None, None)
    assert len(upstream.requests) == 1
