"""What becomes of balances and of runs in progress when an account begins to pay, leaves off, or is erased."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from conversations import errors
from conversations.models import Account, Balance, LedgerEntry, Run
from conversations.queries.money import balances as balance_queries
from conversations.services.accounts import accounts
from conversations.services.money import balances, ledger, reconcile
from conversations.services.runs import cancel, finish
from conversations.values.runs import RunStatus
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture(autouse=True)
def prices() -> None:
    builders.money.price(call="0.5")


def start(ann: Account) -> Run:
    return builders.runs.start(ann, model="echo", conversation_id=f"thread {Run.objects.count()}")


def end(run: Run, *, cost: str | None) -> bool:
    bill = None if cost is None else builders.money.bill(cost)
    status = RunStatus.COMPLETED if bill else RunStatus.FAILED
    report = builders.runs.report(status=status, code="" if bill else "upstream_failed", bill=bill)
    return finish.finish(run=builders.runs.claim(run), report=report)


def test_runs_in_progress_cost_nothing_when_their_account_begins_to_pay(ann: Account) -> None:
    run = start(ann)
    builders.money.meter(ann, "2", calls=3)

    assert end(run, cost="0.3")

    assert builders.money.state(ann) == ("2", "0", 3)
    assert builders.money.entries(run) == []


@pytest.mark.parametrize("cost", ["0.3", None])
def test_runs_in_progress_cost_nothing_when_their_account_pays_no_more(ann: Account, cost: str | None) -> None:
    builders.money.meter(ann, "2", calls=3)
    run = start(ann)

    balances.close_balance(account=ann, note="a gift")
    balances.set_calls(account=ann, calls=None)
    assert builders.money.state(ann) == (None, "0.5", None)
    assert end(run, cost=cost)

    assert builders.money.state(ann) == (None, "0", None)
    assert builders.money.ledger_sum(ann) == ("0", "0", 0)
    assert LedgerEntry.objects.get(run=run, kind="settle" if cost else "release").written_off == 0
    assert reconcile.reconcile() == 0


def test_a_queued_run_is_cancelled_after_its_account_left_off_paying(ann: Account) -> None:
    builders.money.meter(ann, "2", calls=3)
    run = start(ann)
    balances.close_balance(account=ann)
    balances.set_calls(account=ann, calls=None)

    cancel.cancel_run(run)

    assert builders.money.state(ann) == (None, "0", None)
    assert reconcile.reconcile() == 0


def test_an_answer_goes_on_when_its_account_pays_no_more(ann: Account) -> None:
    builders.money.meter(ann, "0.5")
    run = start(ann)
    claimed = builders.runs.claim(run)
    balances.close_balance(account=ann)

    keys = {"account_id": ann.pk, "run_id": run.pk, "attempt": claimed.attempt}
    assert ledger.extend(**keys, wanted=Decimal(9), least=Decimal(9)) == 9

    assert finish.finish(run=claimed, report=builders.runs.report(bill=builders.money.bill("9")))
    assert builders.money.state(ann) == (None, "0", None)
    assert reconcile.reconcile() == 0


def test_an_account_that_pays_no_more_is_as_one_that_never_did(ann: Account) -> None:
    builders.money.meter(ann, "2", calls=3)
    balances.close_balance(account=ann)
    balances.set_calls(account=ann, calls=None)
    ann.refresh_from_db()

    run = start(ann)

    assert balance_queries.metering(ann) is None
    assert not balance_queries.of_account(account_id=ann.pk).is_metered
    assert builders.money.entries(run) == []


def test_a_balance_is_opened_again_once_nothing_of_the_earlier_one_is_reserved(ann: Account) -> None:
    builders.money.meter(ann, "2")
    run = start(ann)
    balances.close_balance(account=ann)
    with pytest.raises(errors.InvalidRequest, match="has no balance"):
        balances.close_balance(account=ann)

    with pytest.raises(errors.InvalidRequest, match="go on"):
        balances.open_balance(account=ann, amount=Decimal(7))
    end(run, cost="0.3")
    balances.open_balance(account=ann, amount=Decimal(7))

    assert builders.money.state(ann) == ("7", "0", None)
    assert builders.money.ledger_sum(ann) == ("7", "0", 0)


def test_a_disabled_account_pays_for_what_was_begun(ann: Account) -> None:
    builders.money.meter(ann, "2")
    run = start(ann)
    accounts.set_active(account_ids=[ann.pk], is_active=False)

    assert end(run, cost="0.3")

    assert builders.money.state(ann) == ("1.7", "0", None)


def test_amounts_of_another_currency_are_not_changed(ann: Account, settings: Settings) -> None:
    builders.money.meter(ann, "2")
    assert balances.foreign_currency() is None

    settings.CURRENCY = "EUR"
    with pytest.raises(errors.InvalidRequest, match="no balance in EUR"):
        balances.top_up(account=ann, amount=Decimal(5))

    assert balances.foreign_currency() == "USD"
    assert builders.money.state(ann) == ("2", "0", None)
    balances.close_balance(account=ann)
    assert balances.foreign_currency() is None
    balances.open_balance(account=ann, amount=Decimal(3))
    assert Balance.objects.get().currency == "EUR"


def test_a_run_in_progress_ends_where_the_ledger_refuses_its_end(ann: Account) -> None:
    """As after a balance was changed by hand: otherwise the run would hold up its conversation for ever."""
    builders.money.meter(ann, "2")
    run = start(ann)
    Balance.objects.filter(account=ann).update(reserved=0)
    claimed = builders.runs.claim(run)

    with pytest.raises(IntegrityError), transaction.atomic():
        finish.finish(run=claimed, report=builders.runs.report(bill=builders.money.bill("0.3")))
    keys = {"account_id": ann.pk, "run_id": run.pk, "attempt": claimed.attempt}
    assert finish.fail_refused(**keys, worker_name="w", is_lost=False) is not None

    assert Run.objects.get(pk=run.pk).status == RunStatus.FAILED
    assert builders.money.state(ann) == ("2", "0", None)
    assert builders.money.entries(run) == [("reserve", "0", "0.5", 0)]
    # The run that has ended, and the sum.
    assert reconcile.reconcile() == 2


def test_a_queued_run_is_cancelled_where_the_ledger_refuses_its_end(ann: Account) -> None:
    builders.money.meter(ann, "2")
    run = start(ann)
    Balance.objects.filter(account=ann).update(reserved=0)

    assert cancel.cancel_run(run).status == RunStatus.CANCELLED

    assert builders.money.state(ann) == ("2", "0", None)


def test_a_repeated_top_up_is_entered_once(ann: Account, bob: Account) -> None:
    for account in (ann, bob):
        builders.money.meter(account, "1")
        balances.top_up(account=account, amount=Decimal(5), reference="payment 1")

    with pytest.raises(errors.InvalidRequest, match="payment 1 has been entered already"):
        balances.top_up(account=ann, amount=Decimal(5), reference="payment 1")
    balances.top_up(account=ann, amount=Decimal(5), reference="payment 2")
    balances.top_up(account=ann, amount=Decimal(5))
    balances.top_up(account=ann, amount=Decimal(5))

    assert builders.money.state(ann) == ("21", "0", None)
    assert builders.money.ledger_sum(ann) == ("21", "0", 0)
    assert builders.money.state(bob) == ("6", "0", None)


def test_notes_of_an_erased_account_go_and_nothing_else(ann: Account, bob: Account) -> None:
    for account in (ann, bob):
        builders.money.meter(account, "1")
        balances.top_up(account=account, amount=Decimal(5), note="by Ann Smith", reference="payment 1")
    end(start(ann), cost="0.3")
    before = list(LedgerEntry.objects.order_by("pk").values_list("kind", "amount", "reference"))

    erasure = builders.erasures.erase_account(ann)
    builders.erasures.batches(erasure)

    notes = LedgerEntry.objects.exclude(note="").values_list("account", "note")
    assert list(notes) == [(bob.pk, "by Ann Smith")]
    assert list(LedgerEntry.objects.order_by("pk").values_list("kind", "amount", "reference")) == before
    assert erasure.erased["ledgerentry"] == 1
    assert builders.money.state(ann) == ("5.7", "0", None)
    assert reconcile.reconcile() == 0


@pytest.mark.parametrize("change", [{"note": ""}, {"note": "", "amount": 9}, {"amount": 9}, {"note": "other"}, None])
def test_an_entry_of_an_account_is_never_changed(ann: Account, change: dict[str, object] | None) -> None:
    builders.money.meter(ann, "1")
    balances.top_up(account=ann, amount=Decimal(5), note="a note")
    if change != {"note": ""}:
        # Not even of an erased one, but for its note.
        Account.objects.filter(pk=ann.pk).update(erased_at=Now())
    entry = LedgerEntry.objects.filter(note="a note")

    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        entry.update(**change) if change else entry.delete()

    assert entry.get().amount == 5
