"""Journey: asking the same thing again under an idempotency key does not ask the model again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, new_id, refusal
from tests.journeys.clients.streams import attach
from tests.journeys.rows import RUNS, Rows
from tests.waiting import eventually


def ask(api: Api, key: str, question: str = "Once", *, accept: str = "", **fields: object) -> requests.Response:
    body = {"model": MODEL, "question": question, **fields}
    return api.post(body, accept=accept, headers={"Idempotency-Key": key})


def test_a_repeat_is_answered_byte_for_byte_without_asking_again(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    key, thread = new_id(), new_id()
    first = ask(api, key, id=thread)
    before = rows.counts()

    again = ask(api, key, id=thread)

    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["X-Run-Id"] == first.headers["X-Run-Id"]
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert rows.counts() == before
    assert len(upstream.requests) == 1


def test_an_unstored_turn_is_kept_for_its_key(api: Api, upstream: FakeUpstream) -> None:
    key = new_id()

    first, again = ask(api, key), ask(api, key)

    assert again.content == first.content
    assert again.json()["id"] == first.json()["id"]
    assert len(upstream.requests) == 1


def test_the_order_of_members_and_accept_do_not_make_another_request(api: Api, upstream: FakeUpstream) -> None:
    key = new_id()
    ask(api, key)

    turned = api.post(
        f'{{"question": "Once", "model": "{MODEL}"}}'.encode(), accept=NDJSON, headers={"Idempotency-Key": key}
    )

    assert turned.status_code == 200
    assert turned.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert turned.content.endswith(b"\r\n")
    assert len(upstream.requests) == 1


def test_a_stream_is_repeated_as_the_same_events(api: Api, upstream: FakeUpstream) -> None:
    key, thread = new_id(), new_id()
    upstream.script(says("One ", "two ", "three").apart())
    first = ask(api, key, accept=SSE, id=thread)

    again = ask(api, key, accept=SSE, id=thread)

    assert again.content == first.content
    assert first.content.count(b"data: ") == 4
    assert len(upstream.requests) == 1


def test_repeats_while_it_runs_wait_for_the_same_answer(api: Api, upstream: FakeUpstream) -> None:
    key, thread = new_id(), new_id()
    upstream.script(says("Slow", "ly").stalled_after(1))

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask, api, key, id=thread) for _ in range(4)]
        upstream.wait_for_requests(1)
        upstream.release()
        responses = [future.result() for future in asked]

    assert {response.content for response in responses} == {f'{{"id":"{thread}","answer":"Slowly"}}'.encode()}
    assert len({response.headers["X-Run-Id"] for response in responses}) == 1
    assert len(upstream.requests) == 1


def test_another_body_under_the_same_key_is_refused(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    key = new_id()
    ask(api, key)
    before = rows.counts()

    other = ask(api, key, "Twice")

    assert refusal(other) == (409, "duplication", "The idempotency key was used with another request.")
    assert rows.counts() == before
    assert len(upstream.requests) == 1


def test_a_failed_turn_frees_its_key(api: Api, upstream: FakeUpstream) -> None:
    key, thread = new_id(), new_id()
    upstream.script(fails(400, "no"), says("Now"))

    failed, again = ask(api, key, id=thread), ask(api, key, id=thread)

    assert (failed.status_code, again.status_code) == (400, 200)
    assert again.json() == {"id": thread, "answer": "Now"}
    assert "Idempotent-Replayed" not in again.headers
    assert len(upstream.requests) == 2


def test_a_refused_turn_frees_its_key(api: Api, upstream: FakeUpstream) -> None:
    key = new_id()

    refused = ask(api, key, model="no-such-model")
    busy_free = ask(api, key, "Another question")

    assert refused.status_code == 400
    assert busy_free.status_code == 200
    assert len(upstream.requests) == 1


def test_two_accounts_may_use_the_same_key(api: Api, other_api: Api, upstream: FakeUpstream) -> None:
    key = new_id()

    mine, theirs = ask(api, key), ask(other_api, key)

    assert mine.headers["X-Run-Id"] != theirs.headers["X-Run-Id"]
    assert len(upstream.requests) == 2


def test_a_turn_with_a_key_continues_when_its_reader_leaves(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    key = new_id()
    upstream.script(says("Still ", "here").stalled_after(1))
    body = {"model": MODEL, "question": "Once"}
    left = api.post(body, accept=NDJSON, headers={"Idempotency-Key": key}, stream=True)
    run_id = left.headers["X-Run-Id"]
    left.close()
    upstream.release()

    eventually(
        lambda: rows.all(f"SELECT status FROM {RUNS} WHERE public_id = %s", run_id)[0]["status"],
        lambda status: status == "completed",
    )

    assert ask(api, key).json()["answer"] == "Still here"
    assert len(upstream.requests) == 1


def test_a_refused_reader_does_not_mark_a_run_as_streamed(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    """Its first words were not shown, so it is restarted when the vendor's connection breaks."""
    upstream.script(says("Wrong").stalled_after(2).cut_after(2), says("Right"))

    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(ask, api, new_id())
        upstream.wait_for_requests(1)
        (run,) = rows.all("SELECT public_id FROM conversations_run ORDER BY id DESC LIMIT 1")
        upstream.requests[0].finished.wait(0.3)
        refused = attach(api, run["public_id"])
        upstream.release()

    assert refusal(refused) == (404, "not_found", "run not found")
    assert asked.result().json()["answer"] == "Right"
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("key", ["x" * 256, "caf\u00e9"])
def test_refuses_an_invalid_key(api: Api, upstream: FakeUpstream, rows: Rows, key: str) -> None:
    before = rows.counts()

    response = api.post({"model": MODEL, "question": "Once"}, headers={"Idempotency-Key": key.encode("latin-1")})  # type: ignore[dict-item] # bytes as they are

    assert refusal(response)[:2] == (400, "bad_request")
    assert rows.counts() == before
    assert upstream.requests == []
