"""Journey: a customer reads what he has used, and it is what his runs say."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.rows import Rows
from tests.journeys.service import Service

PRICE = """
INSERT INTO conversations_price (vendor, model, kind, amount, currency, valid_from, source)
VALUES ('echo', 'echo', 'call', 0.5, 'USD', now(), 'admin') ON CONFLICT DO NOTHING
"""


@pytest.fixture
def metered(service: Service) -> Api:
    """A client of a new account that pays half a dollar for a call."""
    with Rows.of(service) as rows:
        rows.change(PRICE)
    return Api(service.base_url, service.manage("create_key", "--account", new_id(), "--balance", "10").strip())


def get(api: Api, query: str = "") -> requests.Response:
    url = query if query.startswith("http") else f"{api.base_url}/api/v1/usage{query}"
    return requests.get(url, headers=api.headers, timeout=30)


def results(api: Api, query: str = "") -> list[dict[str, Any]]:
    response = get(api, query)
    assert response.status_code == 200, response.text
    return list(response.json()["results"])


def runs_of(api: Api) -> list[dict[str, Any]]:
    response = requests.get(f"{api.base_url}/api/v1/runs", headers=api.headers, timeout=30)
    return list(response.json()["results"])


def test_usage_is_the_sum_of_the_runs_at_once(metered: Api) -> None:
    thread = str(uuid.uuid4())
    for question in ("Hello", "And now?"):
        assert metered.ask(question, model="echo", id=thread, stateful=True).status_code == 200
        found = results(metered)

        usages = [run["usage"] for run in runs_of(metered)]
        assert sum(day["runs"] for day in found) == len(usages)
        for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
            assert sum(day[name] for day in found) == sum(usage[name] for usage in usages) > 0
        assert sum(Decimal(day["cost"]) for day in found) == Decimal("0.5") * len(usages)


def test_groups_filters_and_pages(metered: Api) -> None:
    for _ in range(3):
        assert metered.ask("Hello", model="echo", id=str(uuid.uuid4()), stateful=True).status_code == 200
    today = datetime.now(UTC).date()

    (by_model,) = results(metered, "?by=model,key")
    first = get(metered, "?by=conversation&limit=2").json()
    second = get(metered, first["next"]).json()

    assert (by_model["object"], by_model["model"], by_model["runs"], by_model["currency"]) == (
        "usage",
        "echo",
        3,
        "USD",
    )
    assert by_model["key"].startswith("key_")
    assert (by_model["day"], by_model["conversation"]) == (None, None)
    assert (len(first["results"]), len(second["results"]), second["next"]) == (2, 1, None)
    assert results(metered, f"?to={today - timedelta(days=2)}") == []
    assert results(metered, "?model=other") == []


def test_another_accounts_usage_is_not_shown(metered: Api, api: Api) -> None:
    assert metered.ask("Hello", model="echo").status_code == 200
    (own,) = results(metered, "?by=key")

    assert results(api, f"?key={own['key']}") == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?by=hour", "by must be one or more of conversation, day, key, model, with commas between them"),
        ("?by=day,day", "by must be one or more of conversation, day, key, model, with commas between them"),
        ("?by=day,,,,,,,", "by must be one or more of conversation, day, key, model, with commas between them"),
        ("?from=1.3.2026", "from must be a date, such as 2026-12-31"),
        ("?to=0001-01-01", "to must be a date, such as 2026-12-31"),
        ("?to=9999-12-31", "to must be a date, such as 2026-12-31"),
        ("?to=2026-02-30", "to must be a date, such as 2026-12-31"),
        ("?from=2026-03-02&to=2026-03-01", "from must not be after to"),
        ("?from=2020-01-01&to=2026-03-01", "from and to must be at most 366 days apart"),
        ("?limit=1001", "limit must be a whole number from 1 to 1000"),
        ("?cursor=x", "cursor is not one of ours"),
    ],
)
def test_a_wrong_parameter_is_named(api: Api, query: str, message: str) -> None:
    response = get(api, query)

    assert (response.status_code, response.json()["error"]["message"]) == (400, message)


@pytest.mark.parametrize("day", ["2000-01-01", "2199-12-31"])
@pytest.mark.parametrize("by", ["day", "conversation"])
def test_the_first_and_the_last_days_are_days(api: Api, day: str, by: str) -> None:
    assert results(api, f"?from={day}&to={day}&by={by}") == []
