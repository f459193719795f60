"""Journey: what a turn costs, whichever way it ends: the entries of its ledger, to the last decimal.

A token of a question costs 0.001, of an answer 0.002; the vendor reports ten of the one for each message, and a
character of the other as a token. "Hi" is estimated at nine tokens with its message.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.replies import Json, Reply, embeddings, fails, says, tokens
from tests.fakes.replies import answers as answers_json
from tests.fakes.upstream import FakeUpstream
from tests.journeys.books import Entry
from tests.journeys.clients import runs
from tests.journeys.clients.aichat import SSE, new_id
from tests.journeys.clients.disconnecting import post_and_leave
from tests.journeys.clients.progress import wait_for_words
from tests.journeys.money.conftest import ESTIMATED, FAILED_OVER, MODEL, PAID, RELEASED, RESERVED, OpenPayer, Payer
from tests.journeys.rows import Rows
from tests.waiting import eventually

WORDS = says("Half an", " answer")


def ended(paying: Payer) -> list[Entry]:
    """The entries of its only run, once that has ended."""
    return eventually(paying.all_entries, lambda found: bool(found) and found[-1][0] in ("settle", "release"))


@pytest.mark.parametrize("accept", ["", SSE], ids=["JSON", "stream"])
@pytest.mark.parametrize("fields", [{}, {"stateful": True}], ids=["not stored", "stored"])
def test_an_answer_costs_what_its_vendor_reported(
    upstream: FakeUpstream, paying: Payer, accept: str, fields: dict[str, bool]
) -> None:
    assert paying.api.ask("Hi", model=MODEL, accept=accept, **fields).status_code == 200

    assert paying.all_entries() == [RESERVED, PAID]
    assert paying.state == ("9.916", "0", None)


@pytest.mark.parametrize(
    "reply",
    [fails(400), WORDS.cut_after(2), says(finish="stop"), fails(500)],
    ids=["refused", "cut", "empty", "unavailable"],
)
@pytest.mark.parametrize("accept", ["", SSE], ids=["JSON", "stream"])
def test_a_failed_answer_costs_nothing(upstream: FakeUpstream, paying: Payer, reply: Reply, accept: str) -> None:
    """Also one that was asked for again and again, and of which words were read."""
    upstream.default = lambda _: reply

    response = paying.api.ask("Hi", model=MODEL, accept=accept)

    assert "error" in response.text
    assert paying.all_entries() == [RESERVED, RELEASED]
    assert paying.state == ("10", "0", None)


def test_a_cancelled_answer_costs_the_words_that_came(upstream: FakeUpstream, paying: Payer, own_rows: Rows) -> None:
    upstream.script(WORDS.stalled_after(1 + 1))

    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(paying.api.ask, "Hi", model=MODEL, id=new_id())
        wait_for_words(upstream)
        (run,) = own_rows.all(NEWEST)
        runs.cancel(paying.api, run["public_id"])
        assert asked.result().json()["answer"] == "Half an"

    assert paying.all_entries() == [RESERVED, ESTIMATED]
    assert paying.state == ("9.987", "0", None)


NEWEST = "SELECT public_id FROM conversations_run ORDER BY id DESC LIMIT 1"


@pytest.mark.parametrize("accept", ["", SSE], ids=["JSON", "stream"])
def test_a_reader_who_leaves_a_stored_answer_pays_for_all_of_it(
    upstream: FakeUpstream, paying: Payer, accept: str
) -> None:
    upstream.script(says("Half", " an answer", usage=tokens(10, 37)).stalled_after(1 + 1))

    body = {"model": MODEL, "question": "Hi", "id": new_id()}
    post_and_leave(paying.api, upstream, body, accept=accept, words=1)
    upstream.release()

    assert ended(paying) == [RESERVED, PAID]
    assert paying.state == ("9.916", "0", None)


@pytest.mark.parametrize("accept", ["", SSE], ids=["JSON", "stream"])
def test_a_reader_who_leaves_an_answer_that_is_not_stored_pays_for_the_words_that_came(
    upstream: FakeUpstream, paying: Payer, accept: str
) -> None:
    upstream.script(WORDS.stalled_after(1 + 1))

    post_and_leave(paying.api, upstream, {"model": MODEL, "question": "Hi"}, accept=accept, words=1)

    assert ended(paying) == [RESERVED, ESTIMATED]
    assert paying.state == ("9.987", "0", None)


def test_a_reader_who_leaves_before_any_word_pays_for_the_question(upstream: FakeUpstream, paying: Payer) -> None:
    upstream.script(WORDS.silent())

    post_and_leave(paying.api, upstream, {"model": MODEL, "question": "Hi"})

    assert ended(paying) == [RESERVED, ("settle", "-0.009", "-0.521", 0)]
    assert paying.state == ("9.991", "0", None)


def test_several_answers_cost_what_each_of_them_used(upstream: FakeUpstream, paying: Payer) -> None:
    upstream.script(says("One", usage=tokens(10, 5)), says("Two", usage=tokens(10, 7)))

    response = paying.chat.ask("Hi", model=MODEL, n=2)

    assert len(response.json()["choices"]) == 2
    # Twenty tokens and twelve.
    assert paying.entries(response) == [RESERVED, ("settle", "-0.044", "-0.521", 0)]
    assert paying.state == ("9.956", "0", None)


def test_embeddings_cost_their_inputs(upstream: FakeUpstream, paying: Payer) -> None:
    upstream.script(answers_json(embeddings([1.0], [2.0], prompt_tokens=7)))

    response = paying.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": ["Hi", "there"]})

    assert response.status_code == 200, response.text
    assert paying.entries(response) == [("reserve", "0", "0.002", 0), ("settle", "-0.007", "-0.002", 0)]
    assert paying.state == ("9.993", "0", None)


def test_another_target_that_answers_is_paid_at_its_own_price(upstream: FakeUpstream, payer: OpenPayer) -> None:
    paying = payer("10")

    assert paying.api.ask("Hi", model="gpt-4.1-mini").status_code == 200

    assert paying.all_entries() == FAILED_OVER
    assert paying.state == ("9.5", "0", None)


def test_an_answer_that_is_made_again_is_paid_again(upstream: FakeUpstream, paying: Payer) -> None:
    thread = {"X-Conversation-Id": new_id()}

    for _ in range(2):
        assert paying.chat.ask("Hi", model=MODEL, headers=thread).status_code == 200

    # The second finds the first in its history, or takes its place: the question is the same one, sent again.
    assert [kind for kind, *_ in paying.all_entries()] == ["reserve", "settle"] * 2


ABSURD: dict[str, Json] = {
    "negative": tokens(-5, -7),
    "fractions": {"prompt_tokens": 0.5, "completion_tokens": 1e-9, "total_tokens": 0.75},
    "beyond all bounds": tokens(10**30, 10**18),
    "more than many windows": tokens(900_000_000, 900_000_000),
    "texts": {"prompt_tokens": "10", "completion_tokens": "many"},
    "true": {"prompt_tokens": True, "completion_tokens": True},
    "nothing": tokens(0, 0),
    "a list in place of a count": {"prompt_tokens": [1, 2], "completion_tokens": [3]},
    "nested": {"prompt_tokens": {"prompt_tokens": 5}, "completion_tokens": None},
    "a negative half": tokens(10, -7),
}


@pytest.mark.parametrize("usage", ABSURD.values(), ids=ABSURD)
def test_what_no_vendor_can_have_counted_is_estimated(upstream: FakeUpstream, paying: Payer, usage: Json) -> None:
    """So it neither gives money away nor takes what nobody used."""
    upstream.script(says("Half an", " answer", usage=usage))

    assert paying.api.ask("Hi", model=MODEL).status_code == 200

    # Three tokens of "Half an answer".
    assert paying.all_entries() == [RESERVED, ("settle", "-0.015", "-0.521", 0)]
    assert paying.state == ("9.985", "0", None)
