"""Journey: a second message while the conversation is busy: queued, rejected or replacing, as the caller asks."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.fakes.replies import says
from tests.fakes.upstream import PATIENCE_SECONDS, FakeUpstream
from tests.journeys.clients.aichat import MODEL, SILENCE_SECONDS, Api, assistant, new_id, refusal, user
from tests.journeys.clients.progress import wait_for_words
from tests.journeys.clients.runs import wait_for_runs
from tests.journeys.rows import RUNS, Rows


def ask(api: Api, question: str, thread: str, on_busy: str) -> requests.Response:
    return api.post({"model": MODEL, "question": question, "id": thread}, headers={"X-On-Busy": on_busy})


def test_reject_names_the_run_that_is_in_progress(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(says("Fir", "st").stalled_after(1))

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(api.ask, "1", id=thread)
        upstream.wait_for_requests(1)
        before = rows.counts()
        rejected = ask(api, "2", thread, "reject")
        after = rows.counts()
        upstream.release()
        busy_with = first.result().headers["X-Run-Id"]

    path = f"/api/v1/runs/{busy_with}"
    assert rejected.status_code == 409
    assert rejected.json()["error"] == {
        "code": "busy",
        "message": f"The conversation is busy: run {busy_with} is being answered.",
        "run_id": busy_with,
        "links": {"run": path, "stream": f"{path}/stream", "cancel": f"{path}/cancel"},
    }
    assert after == before
    assert len(upstream.requests) == 1


def test_reject_accepts_a_message_when_nothing_is_in_progress(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()

    answers = [ask(api, question, thread, "reject").status_code for question in ("1", "2")]

    assert answers == [200, 200]
    assert [len(request.messages) for request in upstream.requests] == [1, 3]


def test_replace_stops_the_running_answer_and_keeps_its_text(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("Half an", " answer").stalled_after(2), says("Better"))

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(api.ask, "1", id=thread)
        upstream.wait_for_requests(1)
        wait_for_words(upstream)
        replaced = ask(api, "2", thread, "replace")
        stopped = first.result()

    assert stopped.json() == {"id": thread, "answer": "Half an"}
    assert replaced.json() == {"id": thread, "answer": "Better"}
    # The worker was notified to stop the first turn, and the second was woken.
    assert replaced.elapsed.total_seconds() < SILENCE_SECONDS
    assert upstream.requests[0].disconnected.wait(PATIENCE_SECONDS)
    assert upstream.requests[1].messages == [user("1"), assistant("Half an"), user("2")]


def test_replace_also_ends_the_messages_that_wait(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("One", "…").stalled_after(2), says("Three"))

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(api.ask, "1", id=thread)
        upstream.wait_for_requests(1)
        second = threads.submit(api.ask, "2", id=thread)
        wait_for_runs(api, thread, count=2)
        third = ask(api, "3", thread, "replace")
        waited = second.result()
        first.result()

    assert refusal(waited)[:2] == (409, "canceled")
    assert third.json()["answer"] == "Three"
    assert len(upstream.requests) == 2


def test_a_hundred_at_once_are_answered_replaced_or_rejected(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    """Nobody gets an overload error, and each accepted turn ends once."""
    thread = new_id()

    with ThreadPoolExecutor(32) as threads:
        asked = [
            threads.submit(ask, api, str(number), thread, ("replace", "reject")[number % 2]) for number in range(100)
        ]
        answers = [future.result() for future in asked]

    outcomes = Counter((answer.status_code, answer.json().get("error", {}).get("code")) for answer in answers)
    assert outcomes.keys() <= {(200, None), (409, "busy"), (409, "canceled")}
    assert outcomes[200, None] > 0
    sql = f"""SELECT run.status, run.attempt, count(a.id) AS attempts FROM {RUNS}
              LEFT JOIN conversations_runattempt a ON a.run_id = run.id
              JOIN conversations_conversation c ON c.id = run.conversation_id
              WHERE c.public_id = %s GROUP BY run.id, run.status, run.attempt"""
    runs = rows.all(sql, thread)
    accepted = {answer.headers["X-Run-Id"] for answer in answers if "X-Run-Id" in answer.headers}
    assert len(runs) == len(accepted) == 100 - outcomes[409, "busy"]
    assert {run["status"] for run in runs} <= {"completed", "cancelled"}
    assert all(run["attempts"] == run["attempt"] <= 1 for run in runs)


def test_refuses_an_unknown_value(api: Api, upstream: FakeUpstream) -> None:
    response = ask(api, "1", new_id(), "panic")

    assert refusal(response) == (400, "bad_request", "X-On-Busy must be one of queue, reject, replace")
    assert upstream.requests == []
