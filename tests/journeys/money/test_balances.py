"""Journey: an account that pays is charged for its turns, and refused in its family's words when it cannot."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
import requests
from openai import OpenAI

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api, new_id, refusal
from tests.journeys.rows import Rows
from tests.journeys.service import Service

USED_UP = (403, "used_up", "The account's balance does not suffice for this.")
NO_CALLS = (403, "used_up", "The account has used up its calls.")
PRICE = """
INSERT INTO conversations_price (vendor, model, kind, amount, currency, valid_from, source)
VALUES ('echo', 'echo', 'call', 0.5, 'USD', now(), 'admin')
"""

Metered = Callable[..., Api]


@pytest.fixture(scope="module", autouse=True)
def price(service: Service) -> None:
    """A call of echo costs half a dollar, for whoever pays."""
    with Rows.of(service) as rows:
        rows.change(PRICE)


@pytest.fixture
def metered(service: Service) -> Metered:
    """A client of a new account, made with `create_key` and its options."""

    def make(*options: str) -> Api:
        name = new_id()
        return Api(service.base_url, service.manage("create_key", "--account", name, *options).strip())

    return make


def get(api: Api, path: str) -> dict[str, Any]:
    response = requests.get(f"{api.base_url}/api/v1/{path}", headers=api.headers, timeout=30)
    assert response.status_code == 200, response.text
    return dict(response.json())


def balance(api: Api) -> tuple[str, str, str]:
    found = get(api, "balance")
    return found["balance"], found["reserved"], found["available"]


def test_a_turn_is_paid(metered: Metered) -> None:
    api = metered("--balance", "2")

    answer = api.ask("Hi", model="echo")

    assert answer.status_code == 200
    assert balance(api) == ("1.5", "0", "1.5")
    cost = get(api, f"runs/{answer.headers['x-run-id']}/cost")
    assert (cost["metered"], cost["cost"], cost["price"], cost["currency"]) == (True, "0.5", "0.5", "USD")
    assert [line["amount"] for line in cost["lines"] if line["kind"] == "call"] == ["0.5"]
    assert "vendor" not in cost


def test_a_dry_run_says_what_would_be_reserved_and_costs_nothing(metered: Metered) -> None:
    api = metered("--balance", "2")

    response = api.post({"model": "echo", "question": "Hi"}, headers={"X-Dry-Run": "true"})

    assert response.json()["reserve"] == "0.5"
    assert balance(api) == ("2", "0", "2")


@pytest.mark.parametrize(
    ("options", "words"), [(("--balance", "0.4"), USED_UP), (("--calls", "0"), NO_CALLS)], ids=["money", "calls"]
)
def test_what_cannot_be_afforded_is_refused_and_leaves_nothing(
    metered: Metered, rows: Rows, options: tuple[str, ...], words: tuple[int, str, str]
) -> None:
    api = metered(*options)
    before = rows.counts()

    refused = [
        api.ask("Hi", model="echo"),
        api.ask("Hi", model="echo", stateful=False),
        api.post({"model": "echo", "question": "Hi", "async": True}),
        api.post({"model": "echo", "question": "Hi"}, headers={"X-Dry-Run": "true"}),
    ]

    assert [refusal(one) for one in refused] == [words] * 4
    assert rows.counts() == before


@pytest.mark.parametrize("headers", [{}, {"X-Dry-Run": "true"}], ids=["turn", "dry-run"])
def test_a_question_that_costs_more_than_its_limit_is_refused(metered: Metered, headers: dict[str, str]) -> None:
    api = metered("--balance", "2")

    refused = api.post({"model": "echo", "question": "Hi"}, headers={**headers, "X-Max-Cost": "0.4"})

    assert refusal(refused) == (403, "used_up", "The answer costs more than X-Max-Cost allows.")
    assert balance(api) == ("2", "0", "2")


def test_openais_sdk_does_not_repeat_what_cannot_be_afforded(metered: Metered) -> None:
    api = metered("--balance", "0.4")
    client = OpenAI(base_url=f"{api.base_url}/v1", api_key=api.key, max_retries=2)

    with client, pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="echo", messages=[{"role": "user", "content": "Hi"}])

    assert (refused.value.code, refused.value.type) == ("insufficient_quota", "insufficient_quota")
    assert refused.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("options", [("--balance", "5"), ("--calls", "10")], ids=["money", "calls"])
def test_of_a_hundred_turns_at_once_exactly_ten_run(metered: Metered, options: tuple[str, ...]) -> None:
    api = metered(*options)

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: api.ask("Hi", model="echo").status_code, range(100)))

    assert sorted(answers) == [200] * 10 + [403] * 90
    assert balance(api) == ("0", "0", "0")


def test_at_prices_of_tokens_the_balance_is_never_below_nothing(metered: Metered, upstream: FakeUpstream) -> None:
    api = metered("--balance", "0.0005")

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: api.ask("Hi", stateful=False).status_code, range(60)))

    assert {200} <= set(answers) <= {200, 403}
    left, reserved, available = balance(api)
    assert 0 <= float(left) < 0.0005
    assert (reserved, available) == ("0", left)


def test_a_turn_that_may_cost_nothing_is_not_asked(metered: Metered, upstream: FakeUpstream) -> None:
    api = metered("--balance", "1")

    refused = api.post({"model": "gpt-4o-mini", "question": "Hi"}, headers={"X-Max-Cost": "0"})

    assert refusal(refused) == (403, "used_up", "The answer costs more than X-Max-Cost allows.")
    assert upstream.requests == []
    assert balance(api) == ("1", "0", "1")


def test_top_up_makes_turns_affordable_again(service: Service, metered: Metered) -> None:
    name = new_id()
    api = Api(service.base_url, service.manage("create_key", "--account", name, "--balance", "0").strip())
    assert refusal(api.ask("Hi", model="echo")) == USED_UP

    printed = service.manage("top_up", "--account", name, "--amount", "5")

    assert printed.strip() == "5 USD"
    assert api.ask("Hi", model="echo").status_code == 200
    assert balance(api) == ("4.5", "0", "4.5")


def test_nothing_differs_afterwards(service: Service) -> None:
    assert service.manage("reconcile").strip() == "No differences."
