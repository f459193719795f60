"""Journey: a search of the web costs 0.25, whatever it finds, once the engine has answered."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.fakes.receiver import Behaviour, Receiver, answers, closes, stalls
from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys import books
from tests.journeys.books import Entry
from tests.journeys.clients import runs, tools
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.openai import Chat
from tests.journeys.money.conftest import MODEL, RESERVED, OpenPayer, Payer
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

# "Hi", 256 tokens of an answer, and the search.
WITH_SEARCH: Entry = ("reserve", "0", "0.771", 0)
PAGE = "The tower of Ulm is 161 metres high."
# Ten tokens of a prompt and five of an answer: 0.02.
DONE = says("Done.", usage=tools.USAGE)


def get(paying: Payer, path: str) -> Any:
    response = requests.get(f"{paying.api.base_url}/api/v1{path}", headers=paying.api.headers, timeout=30)
    assert response.status_code == 200, response.text
    return response.json()


def used(paying: Payer) -> tuple[int, int, str, str]:
    """Runs, searches, what was paid and what it costs by the list, of today."""
    (day,) = get(paying, f"/usage?from={datetime.now(UTC).date()}")["results"]
    return day["runs"], day["searches"], day["cost"], day["price"]


def search(paying: Payer, **headers: str) -> requests.Response:
    return paying.post(
        "/aichat/conversations", {"model": MODEL, "question": "Hi", "id": new_id(), "search": True}, **headers
    )


@pytest.fixture
def ended(paying: Payer) -> Any:
    return lambda: eventually(paying.all_entries, lambda found: bool(found) and found[-1][0] in ("settle", "release"))


@pytest.mark.parametrize("has_results", [True, False], ids=["found", "nothing found"])
def test_a_search_is_reserved_and_paid_with_its_run(
    upstream: FakeUpstream, web: FakeWeb, paying: Payer, has_results: bool
) -> None:
    if has_results:
        web.finds(("Ulm", web.page("/ulm", PAGE), ""))
    upstream.script(DONE)

    response = search(paying)

    entries = paying.entries(response)
    assert entries[0] == WITH_SEARCH
    assert entries[-1] == ("settle", "-0.27", entries[-1][2], 0)
    assert paying.state == ("9.73", "0", None)
    found = get(paying, f"/runs/{response.headers['X-Run-Id']}/cost")
    lines = [(line["kind"], line["units"], line["amount"], line["beside"]) for line in found["lines"]]
    assert lines == [
        ("search", 1, "0.25", True),
        ("input", 10, "0.01", False),
        ("output", 5, "0.01", False),
        ("call", 1, "0", False),
    ]
    assert used(paying) == (1, 1, "0.27", "0.27")


@pytest.mark.parametrize(
    "behaviour", [answers(500), answers(200, b"<html>"), closes()], ids=["refused", "no JSON", "closed"]
)
def test_a_search_that_failed_costs_nothing(
    upstream: FakeUpstream, web: FakeWeb, paying: Payer, behaviour: Behaviour
) -> None:
    web.script(behaviour)
    upstream.script(DONE)

    assert search(paying).status_code == 200

    assert paying.state == ("9.98", "0", None)
    assert used(paying) == (1, 0, "0.02", "0.02")


def test_a_run_that_fails_costs_nothing_and_its_search_is_counted(
    upstream: FakeUpstream, web: FakeWeb, paying: Payer
) -> None:
    upstream.script(fails(400))

    assert search(paying).status_code == 400

    assert paying.all_entries() == [WITH_SEARCH, ("release", "0", "-0.771", 0)]
    assert used(paying) == (1, 1, "0", "0")


def test_a_run_that_is_stopped_behind_its_search_pays_for_it(
    upstream: FakeUpstream, web: FakeWeb, paying: Payer, ended: Any
) -> None:
    """Else searches could be made for nothing, each stopped before its answer."""
    web.finds(("Slow", web.page("/slow", stalls()), ""))
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(search, paying)
        eventually(lambda: web.opened, lambda opened: opened == ["/slow"])
        (run,) = paying.rows.all(NEWEST)
        runs.cancel(paying.api, run["public_id"])
        asked.result()

    assert ended() == [WITH_SEARCH, ("settle", "-0.25", "-0.771", 0)]
    assert upstream.requests == []
    assert used(paying) == (1, 1, "0.25", "0.25")


NEWEST = "SELECT public_id FROM conversations_run ORDER BY id DESC LIMIT 1"


@pytest.mark.parametrize(
    ("balance", "headers"), [("0.6", {}), ("10", {"X-Max-Cost": "0.2"})], ids=["balance", "max_cost"]
)
def test_a_search_that_cannot_be_paid_is_refused_before_it_is_made(
    upstream: FakeUpstream, web: FakeWeb, payer: OpenPayer, balance: str, headers: dict[str, str]
) -> None:
    paying = payer(balance)

    refused = search(paying, **headers)

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "used_up")
    assert (web.asked, upstream.requests, paying.all_entries()) == ([], [], [])


def test_the_cost_that_is_allowed_bounds_the_search_and_the_answer_together(
    upstream: FakeUpstream, web: FakeWeb, paying: Payer
) -> None:
    upstream.script(says("Done.", usage={**tools.USAGE, "completion_tokens": 300}))

    response = search(paying, **{"X-Max-Cost": "0.5"})

    assert paying.entries(response)[-1][:2] == ("settle", "-0.5")


def test_a_turn_whose_model_calls_tools_pays_for_its_search_once(
    upstream: FakeUpstream, web: FakeWeb, paying: Payer, receiver: Receiver
) -> None:
    tool = tools.make(paying.api, receiver.url)
    upstream.script(tools.calls((tool["name"], {})), tools.calls((tool["name"], {"n": 2})), DONE)

    body = {"model": MODEL, "question": "Hi", "id": new_id(), "search": True, "tools": [tool["id"]]}
    response = paying.post("/aichat/conversations", body)

    assert response.json()["answer"] == "Done."
    assert paying.state == ("9.69", "0", None)
    assert used(paying) == (1, 1, "0.31", "0.31")


def test_a_run_that_waits_for_an_approval_searches_and_pays_for_that_once(
    upstream: FakeUpstream, web: FakeWeb, paying: Payer, receiver: Receiver
) -> None:
    web.finds(("Ulm", web.page("/ulm", PAGE), ""))
    tool = tools.make(paying.api, receiver.url, needs_approval=True)
    upstream.script(tools.calls((tool["name"], {})), DONE)
    body = {"model": MODEL, "question": "The tower of Ulm?", "id": new_id(), "search": True, "tools": [tool["id"]]}
    run_id = paying.post("/aichat/conversations", body).json()["run_id"]
    assert paying.state == ("9.73", "0", None)

    assert tools.decide(paying.api, run_id, "approve").status_code == 200

    eventually(lambda: runs.retrieve(paying.api, run_id), lambda run: run["status"] == "completed")
    assert len(web.asked) == 1
    assert [PAGE in str(request.body) for request in upstream.requests] == [True, True]
    assert paying.state == ("9.71", "0", None)
    assert used(paying) == (1, 1, "0.29", "0.29")
    assert float(get(paying, f"/runs/{run_id}/cost")["cost"]) == 0.29


def test_an_account_that_pays_nothing_reads_what_its_search_would_cost(
    upstream: FakeUpstream, web: FakeWeb, own_service: Service, own_rows: Rows
) -> None:
    upstream.script(DONE)
    key = own_service.manage("create_key", "--account", new_id()).strip()
    free = Payer("free", Api(own_service.base_url, key), Chat(own_service.base_url, key), own_rows)

    response = search(free)

    cost = get(free, f"/runs/{response.headers['X-Run-Id']}/cost")
    assert (cost["metered"], cost["cost"], cost["price"]) == (False, "0", "0.27")
    assert used(free) == (1, 1, "0", "0.27")
    assert books.entries(own_rows, response.headers["X-Run-Id"]) == []


def test_a_turn_without_a_search_reserves_nothing_for_one(upstream: FakeUpstream, paying: Payer) -> None:
    paying.api.ask("Hi", model=MODEL)

    assert paying.all_entries()[0] == RESERVED


def test_a_dry_run_makes_no_search_that_somebody_would_have_to_pay(
    upstream: FakeUpstream, web: FakeWeb, paying: Payer
) -> None:
    """Else an account could search as often as it likes for nothing."""
    shown = search(paying, **{"X-Dry-Run": "true"}).json()

    assert (shown["reserve"], shown["notes"]) == ("0.771", {"search": "dry_run"})
    assert web.asked == []
    assert paying.all_entries() == []
