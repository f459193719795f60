"""Balances that somebody changes by hand, and the comparison of the ledger with them."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db.models import F

from conversations import errors
from conversations.models import Account, ActiveRun, Balance, LedgerDifference, LedgerEntry, Upkeep
from conversations.services.money import balances, reconcile
from conversations.services.runs import finish
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def test_a_balance_is_opened_once(ann: Account) -> None:
    balances.open_balance(account=ann, amount=Decimal(5))

    with pytest.raises(errors.InvalidRequest, match="top it up"):
        balances.open_balance(account=ann, amount=Decimal(5))

    assert builders.money.state(ann) == ("5", "0", None)
    assert builders.money.ledger_sum(ann) == ("5", "0", 0)


def test_calls_are_counted_beside_money_and_without_it(ann: Account, bob: Account) -> None:
    balances.set_calls(account=ann, calls=7)
    balances.open_balance(account=ann, amount=Decimal(5))
    balances.set_calls(account=ann, calls=3)
    balances.set_calls(account=bob, calls=3)
    balances.set_calls(account=bob, calls=None)

    assert builders.money.state(ann) == ("5", "0", 3)
    assert builders.money.ledger_sum(ann) == ("5", "0", 3)
    assert builders.money.state(bob) == (None, "0", None)
    assert builders.money.ledger_sum(bob) == ("0", "0", 0)


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity", "1e10", "0.00000000001"])
def test_what_is_no_amount_is_refused(ann: Account, amount: str) -> None:
    builders.money.meter(ann, "5")

    with pytest.raises(errors.InvalidRequest):
        balances.top_up(account=ann, amount=Decimal(amount))

    assert builders.money.state(ann) == ("5", "0", None)


@pytest.mark.parametrize("note", ["n" * 201, "a\x00b"])
def test_what_is_no_note_is_refused(ann: Account, note: str) -> None:
    builders.money.meter(ann, "5")

    with pytest.raises(errors.InvalidRequest):
        balances.top_up(account=ann, amount=Decimal(1), note=note)

    assert builders.money.state(ann) == ("5", "0", None)


def test_more_than_a_balance_can_hold_is_refused(ann: Account) -> None:
    builders.money.meter(ann, "9999999999")

    with pytest.raises(errors.InvalidRequest):
        balances.top_up(account=ann, amount=Decimal(1))

    assert builders.money.state(ann) == ("9999999999", "0", None)


def test_an_account_that_does_not_pay_is_not_topped_up(ann: Account) -> None:
    with pytest.raises(errors.InvalidRequest, match="has no balance"):
        balances.top_up(account=ann, amount=Decimal(1))

    assert not Balance.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_what_is_reserved_cannot_be_taken(ann: Account) -> None:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "2")
    builders.runs.start(ann, model="echo")

    with pytest.raises(errors.InvalidRequest, match="less than that"):
        balances.adjust(account=ann, amount=Decimal("-1.6"), note="taken")
    balances.adjust(account=ann, amount=Decimal("-1.5"), note="taken")

    assert builders.money.state(ann) == ("0.5", "0.5", None)


def test_no_more_is_refunded_than_was_paid(ann: Account) -> None:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "2")
    run = builders.runs.start(ann, model="echo")
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("0.5")))

    balances.refund(run=run, amount=Decimal("0.4"))
    with pytest.raises(errors.InvalidRequest, match=r"has cost 0\.1"):
        balances.refund(run=run, amount=Decimal("0.2"))

    assert builders.money.state(ann) == ("1.9", "0", None)
    assert builders.money.entries(run)[-1] == ("refund", "0.4", "0", 0)


def test_nothing_differs_while_runs_go_on_and_after_they_ended(ann: Account) -> None:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "2", calls=9)
    run = builders.runs.start(ann, model="echo", conversation_id="one")
    builders.runs.start(ann, model="echo", conversation_id="two")
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("0.3")))

    assert reconcile.reconcile() == 0


def _lose_money(account: Account) -> None:
    Balance.objects.filter(account=account).update(amount=F("amount") - 1)


def _lose_a_reservation(account: Account) -> None:
    Balance.objects.filter(account=account).update(reserved=0)


def _lose_a_call(account: Account) -> None:
    Balance.objects.filter(account=account).update(calls_left=F("calls_left") - 1)


def _delete_the_active_run(account: Account) -> None:
    ActiveRun.objects.filter(account=account).delete()


@pytest.mark.parametrize(
    ("break_it", "found"),
    [
        (_lose_money, [("amount", "2", "1")]),
        (_lose_a_reservation, [("active", "0.5", "0"), ("reserved", "0.5", "0")]),
        (_lose_a_call, [("calls", "8", "7")]),
        (_delete_the_active_run, [("active", "0", "0.5"), ("left_over", "0", "0.5")]),
    ],
)
def test_every_difference_is_found_and_nothing_repaired(
    ann: Account, bob: Account, break_it: Callable[[Account], None], found: list[tuple[str, str, str]]
) -> None:
    builders.money.price(call="0.5")
    for account in (ann, bob):
        builders.money.meter(account, "2", calls=9)
        builders.runs.start(account, model="echo")
    break_it(ann)
    before = builders.money.state(ann)

    assert reconcile.reconcile() == reconcile.reconcile() == len(found)

    rows = LedgerDifference.objects.filter(account=ann).order_by("what")
    assert [(row.what, f"{row.expected.normalize():f}", f"{row.found.normalize():f}") for row in rows] == found
    assert not LedgerDifference.objects.exclude(account=ann).exists()
    assert builders.money.state(ann) == before


def test_one_process_reconciles_once_a_night() -> None:
    assert [reconcile.is_due(), reconcile.is_due()] == [True, False]

    Upkeep.objects.filter(name=reconcile.NAME).update(begun_at="2026-01-01T00:00Z")
    assert [reconcile.is_due(), reconcile.is_due()] == [True, False]
