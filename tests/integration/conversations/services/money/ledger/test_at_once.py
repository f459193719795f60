"""Turns at the same moment, on a balance that does not suffice for all of them."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection

from conversations import errors
from conversations.models import Account, ActiveRun, Run
from conversations.services.money import balances, ledger
from conversations.services.runs import finish
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

TURNS = 100
THREADS = 16


def at_once(calls: list[Callable[[], object]]) -> Counter[str]:
    """How the calls ended."""

    def call(one: Callable[[], object]) -> str:
        try:
            one()
        except errors.ParleyError as exc:
            return exc.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(THREADS) as threads:
        return Counter(threads.map(call, calls))


def turns(ann: Account, *, is_in_one: bool = False) -> list[Callable[[], object]]:
    builders.runs.caller(ann)
    return [
        partial(builders.runs.accept, ann, model="echo", conversation_id="one" if is_in_one else f"thread {number}")
        for number in range(TURNS)
    ]


@pytest.mark.parametrize("is_in_one", [False, True], ids=["many conversations", "one conversation"])
def test_exactly_as_many_turns_run_as_the_balance_affords(ann: Account, is_in_one: bool) -> None:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "5")

    ended = at_once(turns(ann, is_in_one=is_in_one))

    assert ended == {"done": 10, "balance_used_up": 90}
    assert Run.objects.count() == ActiveRun.objects.count() == 10
    assert builders.money.state(ann) == ("5", "5", None)
    assert builders.money.ledger_sum(ann) == ("5", "5", 0)


def test_exactly_as_many_turns_run_as_there_are_calls(ann: Account) -> None:
    builders.money.meter(ann, calls=10)

    ended = at_once(turns(ann))

    assert ended == {"done": 10, "calls_used_up": 90}
    assert Run.objects.count() == 10
    assert builders.money.state(ann) == (None, "0", 0)


def test_more_is_reserved_of_what_is_added_at_the_same_moment(ann: Account) -> None:
    """PostgreSQL checks the row as the statement began with it, before it sees that somebody has changed it."""
    builders.money.price(call="0.5")
    builders.money.meter(ann, "2")
    run = builders.runs.start(ann, model="echo")
    builders.runs.claim(run)
    keys = {"account_id": ann.pk, "run_id": run.pk, "attempt": 1}
    reserved = []

    def extend() -> None:
        reserved.append(ledger.extend(**keys, wanted=Decimal(9), least=Decimal(0)))

    with builders.locks.waited_for(lambda: balances.top_up(account=ann, amount=Decimal(1)), by=extend):
        pass

    assert reserved == [3]
    assert builders.money.state(ann) == ("3", "3", None)
    assert builders.money.entries(run) == [("reserve", "0", "0.5", 0), ("reserve", "0", "2.5", 0)]


def test_a_run_is_paid_of_what_is_added_at_the_same_moment(ann: Account) -> None:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "2", calls=3)
    run = builders.runs.start(ann, model="echo")
    claimed = builders.runs.claim(run)
    report = builders.runs.report(bill=builders.money.bill("2.75"))
    ended = []

    def end() -> None:
        ended.append(finish.finish(run=claimed, report=report))

    with builders.locks.waited_for(lambda: balances.top_up(account=ann, amount=Decimal(1)), by=end):
        pass

    assert ended == [True]
    assert builders.money.state(ann) == ("0.25", "0", 2)
    assert builders.money.entries(run) == [("reserve", "0", "0.5", -1), ("settle", "-2.75", "-0.5", 0)]


def test_ends_at_the_same_moment_take_no_more_than_there_is(ann: Account) -> None:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "5")
    runs = [builders.runs.start(ann, model="echo", conversation_id=f"thread {number}") for number in range(10)]
    report = builders.runs.report(bill=builders.money.bill("0.75"))
    claimed = [builders.runs.claim(run) for run in runs]

    ended = at_once([partial(finish.finish, run=run, report=report) for run in claimed])

    assert ended == {"done": 10}
    # Six take 0.75; what others have reserved stays theirs, and each takes at least that.
    amount, reserved, _ = builders.money.state(ann)
    assert (amount, reserved) == ("0", "0")
    assert builders.money.ledger_sum(ann) == ("0", "0", 0)


def test_refunds_at_the_same_moment_give_back_no_more_than_was_paid(ann: Account) -> None:
    builders.money.price(call="1")
    builders.money.meter(ann, "2")
    run = builders.runs.start(ann, model="echo")
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("1")))

    ended = at_once([partial(balances.refund, run=run, amount=Decimal("0.3"))] * 20)

    assert ended == {"done": 3, errors.InvalidRequest.code: 17}
    assert builders.money.state(ann) == ("1.9", "0", None)
    assert builders.money.ledger_sum(ann) == ("1.9", "0", 0)
