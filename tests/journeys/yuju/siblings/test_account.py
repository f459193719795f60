"""Journey: what a client needs to fill `ibotID` and `chatMode`, and to show a balance, by the siblings of the chat."""

import pytest
import requests

from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.yuju import Yuju
from tests.journeys.rows import Rows
from tests.journeys.service import Service


def test_an_account_has_a_default_assistant(siblings: Yuju, others: Yuju, rows: Rows) -> None:
    """It is made on first need, and once."""
    (found,) = siblings.data("GET", "aibot-list")
    again = siblings.data("GET", "aibot-list/")

    assert found == {
        "ibotID": found["ibotID"],
        "name": "Default",
        "type": "dialogue",
        "model": "echo",
        "greeting": "",
        "has_context": True,
        "is_default": True,
        "create_time": found["create_time"],
    }
    assert again == [found]
    assert found["ibotID"] not in {one["ibotID"] for one in others.data("GET", "aibot-list")}
    assert rows.all("SELECT 1 FROM conversations_assistant WHERE public_id = %s", found["ibotID"]) != []


def test_chat_models_are_those_that_can_be_asked(siblings: Yuju, new_api: Api) -> None:
    (assistant,) = siblings.data("GET", "aibot-list")

    found = siblings.data("GET", "chat_models")

    names = [one["key"] for one in found]
    listed = requests.get(f"{new_api.base_url}/v1/models", headers=new_api.headers, timeout=30).json()["data"]
    assert {tuple(one) for one in found} == {("key", "label")}
    assert "gpt-4o-mini" in names
    assert "text-embedding-3-small" in {one["id"] for one in listed} - set(names)
    assert set(names) < {one["id"] for one in listed}
    assert siblings.data("GET", "chat_models", ibotID=assistant["ibotID"]) == found
    assert siblings.data("GET", "chat_models/", ibotID="") == found


def test_a_key_learns_of_the_models_that_it_may_use(service: Service) -> None:
    limited = Yuju(service.base_url, service.create_key(new_id(), "--model=gpt-4o*"))

    found = [one["key"] for one in limited.data("GET", "chat_models")]

    assert found
    assert all(name.startswith("gpt-4o") for name in found)


def test_an_assistant_of_another_account_is_unknown(siblings: Yuju, others: Yuju) -> None:
    (foreign,) = siblings.data("GET", "aibot-list")

    for id_ in (foreign["ibotID"], "asst_0", "12345"):
        assert others.refusal("GET", "chat_models", ibotID=id_) == (400, "ibotID: assistant not found")
        assert others.refusal("GET", "cost/details", ibot_id=id_) == (400, "ibot_id: assistant not found")


def test_an_account_that_does_not_pay_has_no_balance(siblings: Yuju) -> None:
    expected = {"balance": None, "reserved": 0.0, "currency": "USD", "calls_left": None}

    assert siblings.data("GET", "balance") == siblings.data("GET", "balance/") == expected


def test_the_key_may_be_a_bearer_one(siblings: Yuju) -> None:
    headers = {"Authorization": f"Bearer {siblings.key}"}

    answer = requests.get(f"{siblings.base_url}/v1/openapi/balance", headers=headers, timeout=30)

    assert (answer.status_code, answer.json()["Code"]) == (200, 2000)


@pytest.mark.parametrize("tail", ["aibot-list", "chat_models", "balance", "cost/details"])
def test_needs_a_key_and_can_only_be_read(others: Yuju, tail: str) -> None:
    url = f"{others.base_url}/v1/openapi/{tail}"

    without = requests.get(url, timeout=30)
    wrong = requests.get(url, params={"apiKey": "sk-wrong"}, timeout=30)
    refused = requests.post(url, params={"apiKey": others.key}, timeout=30)

    assert {(one.status_code, one.json()["Code"], one.json()["Msg"][:4]) for one in (without, wrong)} == {
        (401, 401, "没有权限")
    }
    assert (refused.status_code, refused.json()["Code"], refused.headers["Allow"]) == (405, 405, "GET, HEAD")


BAD_QUERIES = [
    ({"msg_id": "run_0"}, "msg_id is no msgKey"),
    ({"msg_id": "api_ 93527fda-6b49-4701-b688-6b9ac2346147"}, "msg_id is no msgKey"),
    ({"start_at": "yesterday"}, "start_at must be a date such as 2026-01-31"),
    ({"start_at": "2026-02-30"}, "start_at must be a date such as 2026-01-31"),
    ({"start_at": "-1"}, "start_at must be a date such as 2026-01-31"),
    ({"start_at": "１"}, "start_at must be a date such as 2026-01-31"),
    ({"end_at": "9999-12-31"}, "end_at must be a date such as 2026-01-31"),
    ({"end_at": "9" * 11}, "end_at must be a date such as 2026-01-31"),
    ({"end_at": "9" * 5_000}, "end_at must have at most 64 characters."),
    ({"cost_type": "image"}, "cost_type must be one of token, plugins, knowledge"),
    ({"cursor": "api_0"}, "cursor is no msgKey"),
    ({"cursor": "api_93527fda-6b49-4701-b688-6b9ac2346147"}, "cursor is not one of ours"),
]


@pytest.mark.parametrize(("query", "words"), BAD_QUERIES, ids=[f"{query}"[:60] for query, _ in BAD_QUERIES])
def test_refuses_a_bad_query_for_costs(others: Yuju, query: dict[str, str], words: str) -> None:
    status, said = others.refusal("GET", "cost/details", **query)

    assert (status, said[: len(words)]) == (400, words)


def test_what_is_sent_empty_is_left_out(siblings: Yuju) -> None:
    empty = dict.fromkeys(("msg_id", "ibot_id", "start_at", "end_at", "cursor"), "")

    assert siblings.data("GET", "cost/details", **empty)["list"] == []


@pytest.mark.parametrize("start_at", ["0001-01-01", "0", "9999-12-31 23:59:59", "9999999999"])
def test_takes_any_time(siblings: Yuju, start_at: str) -> None:
    found = siblings.data("GET", "cost/details", start_at=start_at, end_at="9999-12-30")

    assert found == {"list": [], "total_cost": 0.0, "currency": "USD", "next": None}
