"""Journey: many turns at once, by every route, on a balance or a quota that affords ten of them: exactly ten run.

`test_balances.py` has a hundred of them; here they are as many as are sent at one moment.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

import pytest

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys import books
from tests.journeys.clients.aichat import SSE, new_id, user
from tests.journeys.clients.tasks import LATER
from tests.journeys.money.conftest import OpenPayer, Payer

TURNS = 30
MINI = "gpt-4o-mini"
CHAT: Json = {"model": MINI, "messages": [user("Hi")]}


@dataclass(frozen=True)
class Route:
    """`refused`: the status of what cannot be afforded. `is_stored`: every turn in a conversation of its own."""

    name: str
    path: str
    body: Json
    refused: int = 403
    accept: str = "*/*"
    is_stored: bool = False
    is_task: bool = False

    def asked(self) -> Json:
        return {**self.body, **({"id": new_id()} if self.is_stored else {})}

    def __str__(self) -> str:
        return self.name


AICHAT, V1 = "/aichat/conversations", "/v1/chat/completions"
ASKED: Json = {"model": MINI, "question": "Hi"}
ROUTES = [
    Route("aichat", AICHAT, ASKED),
    Route("aichat, stored, as a stream", AICHAT, ASKED, accept=SSE, is_stored=True),
    Route("aichat, a task", AICHAT, {**ASKED, **LATER}, is_task=True),
    Route("chat", V1, CHAT, 429),
    Route("chat, as a stream", V1, {**CHAT, "stream": True}, 429),
    Route("chat, a task", V1, {**CHAT, **LATER}, 429, is_task=True),
    Route("chat, by the second target", V1, {**CHAT, "model": "gpt-4.1"}, 429),
    Route("completions", "/v1/completions", {"model": MINI, "prompt": "Hi"}, 429),
    Route("embeddings", "/v1/embeddings", {"model": "text-embedding-3-large", "input": "Hi"}, 429),
]


def statuses(payer: Payer, asked: Callable[[], Json], route: Route) -> Counter[int]:
    with ThreadPoolExecutor(TURNS) as threads:
        responses = list(threads.map(lambda _: payer.post(route.path, asked(), Accept=route.accept), range(TURNS)))
    return Counter(response.status_code for response in responses)


def callback(route: Route, receiver: Receiver) -> Json:
    return {"callback_url": receiver.url} if route.is_task else {}


def wait_for_tasks(route: Route, receiver: Receiver) -> None:
    """Their callbacks, of which there are as many as were accepted."""
    if route.is_task:
        assert len(receiver.wait(10)) == 10


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_exactly_as_many_turns_run_as_the_balance_affords(
    upstream: FakeUpstream, receiver: Receiver, payer: OpenPayer, route: Route
) -> None:
    paying = payer("5")

    ended = statuses(paying, lambda: {**route.asked(), **callback(route, receiver)}, route)

    assert ended == {200: 10, route.refused: TURNS - 10}
    wait_for_tasks(route, receiver)
    assert paying.state == ("0", "0", None)
    assert paying.all_entries() == [("reserve", "0", "0.5", 0), ("settle", "-0.5", "-0.5", 0)] * 10
    assert len(upstream.requests) == 10


@pytest.mark.parametrize("route", [ROUTES[0], ROUTES[5]], ids=str)
def test_exactly_as_many_turns_run_as_there_are_calls(
    upstream: FakeUpstream, receiver: Receiver, payer: OpenPayer, route: Route
) -> None:
    paying = payer("50", calls=10)

    ended = statuses(paying, lambda: {**route.asked(), **callback(route, receiver)}, route)

    assert ended == {200: 10, route.refused: TURNS - 10}
    wait_for_tasks(route, receiver)
    assert paying.state == ("45", "0", 0)
    assert paying.all_entries() == [("reserve", "0", "0.5", -1), ("settle", "-0.5", "-0.5", 0)] * 10
    assert len(upstream.requests) == 10


@pytest.mark.parametrize("route", [ROUTES[0], ROUTES[3]], ids=str)
def test_at_prices_of_tokens_the_balance_is_what_the_answers_cost(
    upstream: FakeUpstream, payer: OpenPayer, route: Route
) -> None:
    """Each reserves for 256 tokens of an answer, and costs 10 of a question and 37 of an answer."""
    paying = payer("2")

    ended = statuses(paying, lambda: {**route.asked(), "model": "gpt-4o"}, route)

    assert ended.keys() == {200, route.refused}
    answered = ended[200]
    assert len(upstream.requests) == answered
    left = 2 - answered * Decimal("0.084")
    assert left >= 0
    assert paying.state == (books.shown(left), "0", None)
    assert sorted({kind for kind, *_ in paying.all_entries()}) == ["reserve", "settle"]
