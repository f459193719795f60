"""The comparison of a ledger in parts, beside turns, twice at once, and after a kill."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from threading import Event

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from conversations.models import Account, Balance, LedgerDifference, LedgerEntry, Upkeep
from conversations.services.money import balances, comparison, reconcile
from conversations.services.runs import cancel, finish
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

TURNING, COMPARISONS = 4, 30
HALF_A_DAY = timedelta(hours=12)


@pytest.fixture(autouse=True)
def prices() -> None:
    builders.money.price(call="0.5")


def found(account: Account, *, most: int) -> list[tuple[str, int, Decimal, Decimal]]:
    rows = comparison.differences(account_id=account.pk, most=most)
    return [(row.what, row.run_key, row.expected, row.found) for row in rows]


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
def test_says_the_same_whatever_the_size_of_a_part(ann: Account, most: int) -> None:
    builders.money.meter(ann, "9", calls=9)
    runs = [builders.runs.start(ann, model="echo", conversation_id=f"thread {number}") for number in range(4)]
    report = builders.runs.report(bill=builders.money.bill("0.3"))
    finish.finish(run=builders.runs.claim(runs[2]), report=report)
    cancel.cancel_run(runs[0])

    assert found(ann, most=most) == []

    # As if the active row of one had been deleted by hand, and money taken.
    runs[1].active.delete()
    Balance.objects.update(amount=F("amount") - 1)
    assert found(ann, most=most) == [
        ("amount", 0, Decimal("8.7"), Decimal("7.7")),
        ("active", 0, Decimal("0.5"), Decimal(1)),
        ("left_over", runs[1].pk, 0, Decimal("0.5")),
    ]


def turn(ann: Account, name: str, over: Event) -> None:
    number = 0
    while not over.is_set():
        number += 1
        run = builders.runs.start(ann, model="echo", conversation_id=f"{name} {number}")
        if number % 3:
            finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("0.001")))
        else:
            cancel.cancel_run(run)
        balances.top_up(account=ann, amount=Decimal("0.001"))
    connection.close()


@contextmanager
def turns_going_on(ann: Account) -> Iterator[None]:
    builders.runs.caller(ann)
    over = Event()
    with ThreadPoolExecutor(TURNING) as threads:
        going = [threads.submit(turn, ann, f"thread {number}", over) for number in range(TURNING)]
        try:
            yield
        finally:
            over.set()
        for each in going:
            each.result()


def test_finds_no_difference_while_turns_go_on(ann: Account) -> None:
    builders.money.meter(ann, "100", calls=10_000)

    with turns_going_on(ann):
        while LedgerEntry.objects.count() < 100:
            assert found(ann, most=7) == []
        for _ in range(COMPARISONS):
            assert found(ann, most=7) == []

    assert found(ann, most=7) == []


def test_two_comparisons_at_once_say_each_difference_once(ann: Account, bob: Account) -> None:
    for account in (ann, bob):
        builders.money.meter(account, "2", calls=3)
    Balance.objects.update(amount=1, calls_left=2)

    def compare(_: int) -> int:
        try:
            return reconcile.reconcile()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(compare, range(8))) == {4}

    assert sorted(LedgerDifference.objects.values_list("account", "what")) == sorted(
        (account.pk, what) for account in (ann, bob) for what in ("amount", "calls")
    )


def test_what_was_put_right_is_a_difference_no_more(ann: Account) -> None:
    builders.money.meter(ann, "2")
    Balance.objects.update(amount=1)
    assert reconcile.reconcile() == 1

    Balance.objects.update(amount=2)

    assert reconcile.reconcile() == 0
    assert not LedgerDifference.objects.exists()


@pytest.fixture
def now_is_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve hours after the night's turn, whatever the clock says."""
    since_midnight = datetime.now(UTC) - datetime.combine(datetime.now(UTC), time.min, UTC)
    monkeypatch.setattr(reconcile, "AT_NIGHT", (since_midnight + HALF_A_DAY) % (2 * HALF_A_DAY))


@pytest.mark.usefixtures("now_is_noon")
def test_is_due_once_a_night() -> None:
    row = Upkeep.objects.filter(name=reconcile.NAME)
    assert [reconcile.is_due(), reconcile.is_due()] == [True, False]

    reconcile.reconcile()
    row.update(begun_at=Now() - timedelta(hours=11))
    assert not reconcile.is_due()
    row.update(begun_at=Now() - timedelta(hours=13))
    assert [reconcile.is_due(), reconcile.is_due()] == [True, False]


@pytest.mark.parametrize("hours", [11, 13])
@pytest.mark.usefixtures("now_is_noon")
def test_another_process_begins_anew_only_when_the_one_that_compares_is_dead(hours: int) -> None:
    """Also where that one has gone on since the night before."""
    row = Upkeep.objects.filter(name=reconcile.NAME)
    assert reconcile.is_due()

    row.update(begun_at=Now() - timedelta(hours=hours), resumed_at=Now() - timedelta(minutes=9))
    assert not reconcile.is_due()
    row.update(resumed_at=Now() - reconcile.LOST_AFTER - timedelta(seconds=9))
    assert [reconcile.is_due(), reconcile.is_due()] == [True, False]
