"""Journey: what an account has left and what its answers cost, by the siblings of Yuju's chat."""

import time
from datetime import UTC, datetime
from typing import Any

from conversations.values import msg_keys
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.clients import tools
from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.yuju import Yuju
from tests.journeys.money.conftest import MODEL, OpenPayer, Payer

DAY = 86_400


def siblings_of(paying: Payer) -> Yuju:
    return Yuju(paying.api.base_url, paying.api.key)


def ask(paying: Payer, **fields: Any) -> str:
    """The `msgKey` of a turn that is paid."""
    turn = paying.api.ask("你好", model=MODEL, id=new_id(), **fields)
    assert turn.status_code == 200, turn.text
    return msg_keys.of_run(turn.headers["X-Run-Id"])


# Ten tokens of a prompt and five of an answer.
DONE = says("完成。", usage=tools.USAGE)
TOKENS = [
    {"cost_type": "token", "kind": "input", "units": 10, "amount": 0.01},
    {"cost_type": "token", "kind": "output", "units": 5, "amount": 0.01},
]
SEARCH = {"cost_type": "plugins", "kind": "search", "units": 1, "amount": 0.25}


def by_kind(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((line for line in lines if line["amount"]), key=lambda line: line["kind"])


def test_an_answer_is_found_by_its_msg_key(upstream: FakeUpstream, paying: Payer, payer: OpenPayer) -> None:
    upstream.script(DONE)
    siblings = siblings_of(paying)
    msg_key = ask(paying)

    found = siblings.data("GET", "cost/details", msg_id=msg_key)

    (one,) = found["list"]
    assert (found["total_cost"], found["currency"], found["next"]) == (0.02, "USD", None)
    assert (one["msg_id"], one["ibot_id"], one["model"], one["total_cost"]) == (msg_key, None, MODEL, 0.02)
    assert by_kind(one["details"]) == TOKENS
    assert siblings_of(payer("1")).data("GET", "cost/details", msg_id=msg_key)["list"] == []


def test_costs_are_told_by_type(upstream: FakeUpstream, web: FakeWeb, paying: Payer) -> None:
    web.finds(("乌尔姆", web.page("/ulm", "乌尔姆大教堂高161米。"), ""))
    upstream.script(DONE, DONE)
    siblings = siblings_of(paying)
    without, searched = ask(paying), ask(paying, search=True)

    every = siblings.data("GET", "cost/details")
    plugins = siblings.data("GET", "cost/details", cost_type="plugins")

    assert [(one["msg_id"], one["total_cost"]) for one in every["list"]] == [(searched, 0.27), (without, 0.02)]
    assert every["total_cost"] == 0.29
    assert by_kind(every["list"][0]["details"]) == [TOKENS[0], TOKENS[1], SEARCH]
    assert [one["msg_id"] for one in plugins["list"]] == [searched]
    assert plugins["list"][0]["details"] == [SEARCH]
    assert plugins["total_cost"] == 0.27
    assert siblings.data("GET", "cost/details", cost_type="knowledge")["list"] == []


def test_costs_are_told_of_a_time(upstream: FakeUpstream, paying: Payer) -> None:
    upstream.script(DONE)
    siblings = siblings_of(paying)
    now = int(time.time())
    today = datetime.fromtimestamp(now, UTC).date()
    msg_key = ask(paying)

    def found(**query: Any) -> list[str]:
        return [one["msg_id"] for one in siblings.data("GET", "cost/details", **query)["list"]]

    assert found(start_at=now - DAY, end_at=now + DAY) == [msg_key]
    assert found(start_at=today, end_at=datetime.fromtimestamp(now + DAY, UTC).date()) == [msg_key]
    assert found(start_at=f"{today} 00:00:00") == [msg_key]
    assert found(end_at=now - DAY) == found(start_at=now + DAY) == []
    assert found(start_at=now - DAY, msg_id=msg_key, end_at=now - DAY) == [msg_key]


def test_many_answers_come_in_pages(upstream: FakeUpstream, payer: OpenPayer) -> None:
    paying = payer("1000")
    siblings = siblings_of(paying)
    for _ in range(102):
        paying.rows.change(COPY, paying.name)

    first = siblings.data("GET", "cost/details")
    rest = siblings.data("GET", "cost/details", cursor=first["next"])

    every = [one["msg_id"] for one in (*first["list"], *rest["list"])]
    assert (len(first["list"]), len(rest["list"]), rest["next"]) == (100, 2, None)
    assert len(set(every)) == 102


# A run that cost nothing, as far as these lists see it.
COPY = """
INSERT INTO conversations_run (account_id, public_id, channel, trace_id, dialect, model, context_window, finished_at)
SELECT id, 'run_' || replace(gen_random_uuid()::text, '-', ''), '', gen_random_uuid(), 'yuju', 'gpt-4o', 1, now()
FROM conversations_account WHERE name = %s
"""


def test_a_balance_is_what_can_be_used(payer: OpenPayer) -> None:
    found = siblings_of(payer("12.3456789")).data("GET", "balance")
    counted = siblings_of(payer("1", calls=7)).data("GET", "balance")

    assert found == {"balance": 12.345679, "reserved": 0.0, "currency": "USD", "calls_left": None}
    assert counted == {"balance": 1.0, "reserved": 0.0, "currency": "USD", "calls_left": 7}
