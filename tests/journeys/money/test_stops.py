"""Journey: answers that are stopped because of what they cost, and what other calls do to the money of a turn.

Prices and names are those of `test_ends.py`.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import requests

from tests.fakes.replies import fails, says, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys import books
from tests.journeys.clients import runs
from tests.journeys.clients.aichat import SSE, Api, new_id
from tests.journeys.clients.progress import wait_for_words
from tests.journeys.money.conftest import ESTIMATED, MODEL, PAID, RELEASED, RESERVED, OpenPayer, Payer
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

HALF = says("Half an", " answer")
# 200 tokens, and 1000 bytes: more than the 256 tokens that are reserved for have at three bytes each.
LONG = "long " * 200


def ask(
    paying: Payer, question: str = "Hi", *, accept: str = "", thread: str = "", **headers: str
) -> requests.Response:
    """`headers`: with underscores in place of hyphens."""
    body = {"model": MODEL, "question": question, **({"id": thread} if thread else {})}
    sent = {name.replace("_", "-"): given for name, given in headers.items()}
    return paying.api.post(body, accept=accept, headers=sent)


@contextmanager
def half_an_answer(upstream: FakeUpstream, paying: Payer, thread: str) -> Iterator[Future[requests.Response]]:
    """A turn of which some words have come; its vendor is silent until it is released."""
    upstream.script(HALF.stalled_after(1 + 1))
    with ThreadPoolExecutor(3) as threads:
        asked = threads.submit(ask, paying, thread=thread)
        try:
            wait_for_words(upstream)
            yield asked
        finally:
            upstream.release()


def shown(paying: Payer, response: requests.Response) -> tuple[str, str | None]:
    run = runs.retrieve(paying.api, response.headers["X-Run-Id"])
    return run["status"], run["error"] and run["error"]["code"]


def test_an_answer_stops_when_the_balance_is_used_up(upstream: FakeUpstream, payer: OpenPayer) -> None:
    """What is left is reserved first. The text is kept, and paid."""
    paying = payer("1")
    upstream.script(says(LONG, LONG, LONG))

    response = ask(paying, accept=SSE, thread=new_id())

    assert response.text.count("long") == 400
    assert shown(paying, response) == ("incomplete", "used_up")
    assert paying.entries(response) == [RESERVED, ("reserve", "0", "0.479", 0), ("settle", "-0.809", "-1", 0)]
    assert paying.state == ("0.191", "0", None)


def test_an_answer_stops_at_what_its_caller_allows(upstream: FakeUpstream, paying: Payer) -> None:
    upstream.script(says(LONG, LONG))

    response = ask(paying, accept=SSE, thread=new_id(), X_Max_Cost="0.6")

    assert response.text.count("long") == 200
    assert shown(paying, response)[0] == "incomplete"
    assert paying.entries(response) == [RESERVED, ("reserve", "0", "0.079", 0), ("settle", "-0.409", "-0.6", 0)]
    assert paying.state == ("9.591", "0", None)


def test_a_long_answer_is_reserved_for_in_slices(upstream: FakeUpstream, paying: Payer) -> None:
    upstream.script(says(*[LONG] * 8, usage=tokens(10, 1600)))

    response = ask(paying)

    assert paying.entries(response) == [
        RESERVED,
        # 1000 bytes are 333 tokens; 5000, when those and 1024 more are used up, are 1666.
        ("reserve", "0", "2.202", 0),
        ("reserve", "0", "2.666", 0),
        ("settle", "-3.21", "-5.389", 0),
    ]
    assert paying.state == ("6.79", "0", None)


def test_what_costs_more_than_is_left_takes_what_is_left(upstream: FakeUpstream, paying: Payer, own_rows: Rows) -> None:
    upstream.script(says("Hi", usage=tokens(10, 6000)))

    response = ask(paying)

    assert response.status_code == 200
    assert paying.entries(response) == [RESERVED, ("settle", "-10", "-0.521", 0)]
    assert books.shown(books.settlement(own_rows, response.headers["X-Run-Id"])["written_off"]) == "2.01"
    assert paying.state == ("0", "0", None)
    assert ask(paying).status_code == 403


def test_a_question_repeated_with_its_key_is_paid_once(upstream: FakeUpstream, paying: Payer) -> None:
    key = new_id()

    responses = [ask(paying, Idempotency_Key=key) for _ in range(3)]

    assert {response.headers["X-Run-Id"] for response in responses} == {responses[0].headers["X-Run-Id"]}
    assert paying.all_entries() == [RESERVED, PAID]
    assert paying.state == ("9.916", "0", None)


def test_questions_with_one_key_at_the_same_moment_are_paid_once(upstream: FakeUpstream, paying: Payer) -> None:
    key = new_id()
    upstream.script(says("Half", " an answer", usage=tokens(10, 37)).stalled_after(1 + 1))

    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(ask, paying, Idempotency_Key=key) for _ in range(6)]
        upstream.wait_for_requests(1)
        upstream.release()
        answers = {future.result().json()["answer"] for future in asked}

    assert answers == {"Half an answer"}
    assert paying.all_entries() == [RESERVED, PAID]
    assert paying.state == ("9.916", "0", None)


def test_a_question_that_failed_is_paid_when_it_is_repeated(upstream: FakeUpstream, paying: Payer) -> None:
    key = new_id()
    upstream.script(fails(400))
    assert ask(paying, Idempotency_Key=key).status_code == 400

    assert ask(paying, Idempotency_Key=key).status_code == 200

    assert paying.all_entries() == [RESERVED, RELEASED, RESERVED, PAID]
    assert paying.state == ("9.916", "0", None)


def test_a_turn_that_replaces_others_ends_their_reservations(upstream: FakeUpstream, paying: Payer) -> None:
    thread = new_id()

    with half_an_answer(upstream, paying, thread) as first, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, paying, thread=thread)
        runs.wait_for_runs(paying.api, thread, count=2)
        last = ask(paying, "Third", thread=thread, X_On_Busy="replace")
        responses = [first.result(), waiting.result(), last]

    # Three messages, and "3 messages; the last user message: Third".
    paid = ("settle", "-0.11", "-0.521", 0)
    assert [paying.entries(one) for one in responses] == [[RESERVED, ESTIMATED], [RESERVED, RELEASED], [RESERVED, paid]]
    assert paying.state == ("9.877", "0", None)


def test_a_turn_that_is_rejected_reserves_nothing(upstream: FakeUpstream, paying: Payer) -> None:
    thread = new_id()

    with half_an_answer(upstream, paying, thread) as first:
        rejected = ask(paying, thread=thread, X_On_Busy="reject")
        meanwhile = paying.state
        upstream.release()
        assert first.result().status_code == 200

    assert rejected.status_code == 409
    assert meanwhile == ("10", "0.521", None)
    # Nine tokens, and three of "Half an answer".
    assert paying.all_entries() == [RESERVED, ("settle", "-0.015", "-0.521", 0)]


def test_a_conversation_that_is_deleted_keeps_its_entries(upstream: FakeUpstream, paying: Payer) -> None:
    thread = new_id()

    with half_an_answer(upstream, paying, thread) as first:
        refused = delete(paying.api, thread)
        upstream.release()
        assert first.result().status_code == 200
    deleted = delete(paying.api, thread)

    assert (refused.status_code, deleted.status_code) == (409, 204)
    assert paying.all_entries() == [RESERVED, ("settle", "-0.015", "-0.521", 0)]
    assert paying.state == ("9.985", "0", None)


def delete(api: Api, thread: str) -> requests.Response:
    return requests.delete(f"{api.base_url}/api/v1/conversations/{thread}", headers=api.headers, timeout=60)


ERASES = """
from conversations.models import Account
from conversations.services.erasures import begin
begin.erase_account(account_id=Account.objects.get(name="{name}").pk, requested_by="test")
"""


def test_an_account_that_is_erased_meanwhile_pays_for_the_words_that_came(
    upstream: FakeUpstream, own_service: Service, own_rows: Rows, paying: Payer
) -> None:
    thread = new_id()

    with half_an_answer(upstream, paying, thread):
        waiting = paying.api.post({"model": MODEL, "question": "Hi", "id": thread, "async": True})
        assert waiting.status_code == 200
        found = own_rows.all(RUNS_OF, paying.name)
        own_service.in_shell(ERASES.format(name=paying.name))
        entries = eventually(
            lambda: [books.entries(own_rows, run["public_id"]) for run in found],
            lambda entries: [len(one) for one in entries] == [2, 2],
        )

    assert entries == [[RESERVED, ESTIMATED], [RESERVED, RELEASED]]
    books.assert_balanced(own_rows)


RUNS_OF = """
SELECT r.public_id FROM conversations_run r JOIN conversations_account a ON a.id = r.account_id
WHERE a.name = %s ORDER BY r.id
"""
