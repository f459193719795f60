"""Journey: many questions at the same time, and clients that disconnect before the answer."""

import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import orjson
import pytest

from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, assistant, new_id, user
from tests.journeys.clients.disconnecting import ask_and_leave
from tests.journeys.clients.runs import wait_for_runs
from tests.journeys.rows import RUNS, Rows
from tests.waiting import eventually

# A sweep searches for lost wake-ups only after this time.
SWEEP_AFTER_SECONDS = 8.0


def test_turns_of_one_conversation_are_answered_one_at_a_time_in_order(
    api: Api, upstream: FakeUpstream, rows: Rows
) -> None:
    thread = new_id()
    questions = [f"Question {number}" for number in range(20)]

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda question: api.ask(question, id=thread), questions))

    runs = [rows.run(answer) for answer in answers]
    in_order = [question for _, question in sorted((run["id"], q) for run, q in zip(runs, questions, strict=True))]
    said: list[Json] = []
    for place, (request, question) in enumerate(zip(upstream.requests, in_order, strict=True)):
        assert request.messages == [*said, user(question)]
        said += [user(question), assistant(f"{2 * place + 1} messages; the last user message: {question}")]
    for question, answer in zip(questions, answers, strict=True):
        assert answer.json()["answer"] == said[2 * in_order.index(question) + 1]["content"]
    assert {run["attempt"] for run in runs} == {1}
    # Each run is woken by the end of the one before, none by a sweep.
    runs.sort(key=lambda run: run["id"])
    waits = [(run["claimed_at"] - before["finished_at"]).total_seconds() for before, run in pairwise(runs)]
    assert max(waits) < SWEEP_AFTER_SECONDS


def test_streams_of_one_conversation_wait_for_each_other(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("First").stalled_after(1), says("Second"), says("Third"))

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(api.lines, "1", id=thread)
        upstream.wait_for_requests(1)
        others = [threads.submit(api.lines, str(number), id=thread) for number in (2, 3)]
        wait_for_runs(api, thread, count=3)
        assert not upstream.requests[0].finished.wait(0.3)
        assert len(upstream.requests) == 1
        upstream.release()
        answers = [future.result()[-1]["answer"] for future in (first, *others)]

    assert answers[0] == "First"
    assert sorted(answers[1:]) == ["Second", "Third"]
    assert [len(request.messages) for request in upstream.requests] == [1, 3, 5]


def test_a_failed_turn_wakes_the_next_one(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("No").stalled_after(2).cut_after(2), says("Yes"))

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(api.lines, "1", id=thread)
        upstream.wait_for_requests(1)
        second = threads.submit(api.answer, "2", id=thread)
        wait_for_runs(api, thread, count=2)
        upstream.release()

    assert first.result()[-1]["error"]["code"] == "chat_error"
    assert second.result()["answer"] == "Yes"
    assert upstream.requests[1].messages == [user("2")]


def test_sixty_conversations_do_not_wait_for_each_other(api: Api, upstream: FakeUpstream) -> None:
    """The vendor holds all of them at once; then each gets its own answer."""
    upstream.default = lambda body: says(body["messages"][-1]["content"], "!").stalled_after(1)
    forms = ["", NDJSON, SSE] * 20

    def ask(number: int) -> str:
        return api.ask(f"<{number}>", stateful=True, accept=forms[number]).text

    with ThreadPoolExecutor(60) as threads:
        asked = [threads.submit(ask, number) for number in range(60)]
        upstream.wait_for_requests(60)
        upstream.release()
        answers = [future.result() for future in asked]

    for number, answer in enumerate(answers):
        assert f"<{number}>" in answer
        assert [other for other in range(60) if f"<{other}>" in answer] == [number]
    assert len(upstream.requests) == 60


@pytest.mark.parametrize("accept", [NDJSON, SSE])
def test_a_stored_turn_continues_after_its_reader_left(
    api: Api, upstream: FakeUpstream, rows: Rows, accept: str
) -> None:
    thread = new_id()
    upstream.script(says("Hel", "lo").stalled_after(2), says("Yes."))

    with api.ask("1", id=thread, accept=accept, stream=True) as response:
        assert b"Hel" in next(response.iter_content(chunk_size=None))
    assert not upstream.requests[0].disconnected.wait(0.3)
    upstream.release()

    run = rows.ended(response)
    assert (run["status"], run["attempt"]) == ("completed", 1)
    api.answer("2", id=thread)
    assert upstream.requests[1].messages == [user("1"), assistant("Hello"), user("2")]


def test_a_stored_turn_continues_after_its_json_caller_left(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(says("Hello").stalled_after(1), says("Yes."))

    ask_and_leave(api, upstream, id=thread)
    assert not upstream.requests[0].disconnected.wait(0.3)
    upstream.release()

    def status() -> str:
        found = rows.all(
            f"SELECT run.status FROM {RUNS} JOIN conversations_conversation c ON c.id = run.conversation_id "
            "WHERE c.public_id = %s",
            thread,
        )
        return str(found[0]["status"])

    eventually(status, lambda word: word == "completed")
    api.answer("2", id=thread)
    assert upstream.requests[1].messages == [user("1"), assistant("Hello"), user("2")]


def test_a_client_that_disconnects_in_its_body_stores_nothing(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    before = rows.counts()
    body = orjson.dumps({"model": MODEL, "question": "Hi"})
    head = f"POST /aichat/conversations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"

    with socket.create_connection(("127.0.0.1", int(api.base_url.rpartition(":")[2]))) as client:
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-5])

    assert api.answer("Still there?", stateful=False)["answer"]
    after = rows.counts()
    assert len(upstream.requests) == 1
    assert after == before | {"run": before["run"] + 1, "runattempt": before["runattempt"] + 1}
