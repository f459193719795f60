"""What turns of a metered account reserve, pay and give back."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from conversations import errors
from conversations.models import Account, Balance, Conversation, IdempotencyKey, LedgerEntry, Message, Run
from conversations.services.money import balances
from conversations.services.runs import cancel, finish
from conversations.values.requests import OnBusy, Preconditions
from conversations.values.runs import RunStatus
from tests import builders
from tests.integration.conversations.conftest import Sweep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

CALL = "0.5"


@pytest.fixture(autouse=True)
def prices() -> None:
    builders.money.price(call="0.5")


@pytest.fixture(params=[True, False], ids=["stored", "not stored"])
def is_stored(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def start(ann: Account, question: str = "Hello", *, model: str = "echo", **more: Any) -> Run:
    return builders.runs.start(ann, question, model=model, **more)


def test_a_turn_reserves_when_it_is_accepted(ann: Account, is_stored: bool) -> None:
    builders.money.meter(ann, "2")

    run = start(ann, is_stored=is_stored)

    assert builders.money.state(ann) == ("2", CALL, None)
    assert builders.money.reserved_for(run) == CALL
    assert builders.money.entries(run) == [("reserve", "0", CALL, 0)]


def test_tokens_are_reserved_for_the_question_and_the_beginning_of_an_answer(ann: Account) -> None:
    builders.money.price(model="echo", input="100000", output="100")
    builders.money.meter(ann, "100")

    run = start(ann, "Hello")

    # 1 token of text, 4 of the message and 4 of the reply, at 0.1 each; 256 tokens at 0.0001; one call.
    assert builders.money.reserved_for(run) == "1.4256"


def test_an_answer_is_paid_when_the_run_ends(ann: Account, is_stored: bool) -> None:
    builders.money.meter(ann, "2")
    run = start(ann, is_stored=is_stored)

    assert finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("0.3")))

    assert builders.money.state(ann) == ("1.7", "0", None)
    assert builders.money.entries(run) == [("reserve", "0", CALL, 0), ("settle", "-0.3", "-0.5", 0)]


def test_what_costs_more_than_is_left_takes_what_is_left(ann: Account) -> None:
    builders.money.meter(ann, "1.2")
    run, other = start(ann, conversation_id="one"), start(ann, conversation_id="two")

    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("3")))

    # What is reserved for the other run stays.
    assert builders.money.state(ann) == (CALL, CALL, None)
    settled = LedgerEntry.objects.get(run=run, kind="settle")
    assert (f"{settled.amount:.1f}", f"{settled.written_off:.1f}") == ("-0.7", "2.3")
    assert builders.money.reserved_for(other) == CALL


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
def test_an_end_without_a_bill_costs_nothing(ann: Account, status: RunStatus) -> None:
    builders.money.meter(ann, "2", calls=3)
    run = start(ann)

    finish.finish(run=builders.runs.claim(run), report=builders.runs.report("", status=status, code="run_cancelled"))

    assert builders.money.state(ann) == ("2", "0", 3)
    assert builders.money.entries(run) == [("reserve", "0", CALL, -1), ("release", "0", "-0.5", 1)]


def test_a_queued_run_that_is_cancelled_costs_nothing(ann: Account) -> None:
    builders.money.meter(ann, "2", calls=3)
    run = start(ann)

    cancel.cancel(account_id=ann.pk, public_id=run.public_id)

    assert builders.money.state(ann) == ("2", "0", 3)
    assert builders.money.entries(run) == [("reserve", "0", CALL, -1), ("release", "0", "-0.5", 1)]


def test_runs_that_are_replaced_cost_nothing(ann: Account) -> None:
    builders.money.meter(ann, "2", calls=3)
    first, second = start(ann), start(ann)

    last = start(ann, preconditions=Preconditions(on_busy=OnBusy.REPLACE))

    assert builders.money.state(ann) == ("2", CALL, 2)
    assert [builders.money.entries(run)[-1] for run in (first, second)] == [("release", "0", "-0.5", 1)] * 2
    assert builders.money.entries(last) == [("reserve", "0", CALL, -1)]


def test_a_run_that_is_put_back_keeps_its_reservation(ann: Account) -> None:
    builders.money.meter(ann, "2")
    run = start(ann)
    builders.runs.claim(run)

    assert builders.runs.requeue(run)

    assert builders.money.state(ann) == ("2", CALL, None)
    assert builders.money.entries(run) == [("reserve", "0", CALL, 0)]


def test_a_run_whose_end_is_refused_costs_nothing(ann: Account) -> None:
    builders.money.meter(ann, "2")
    run = start(ann)
    builders.runs.claim(run)

    finish.fail_refused(account_id=ann.pk, run_id=run.pk, attempt=1, worker_name="w1", is_lost=False)

    assert builders.money.state(ann) == ("2", "0", None)


def test_a_run_that_loses_all_its_workers_costs_nothing(ann: Account, sweep: Sweep) -> None:
    builders.money.meter(ann, "2")
    run = start(ann)
    for _ in range(3):
        builders.runs.claim(run)
        builders.runs.silence_worker(run)
        sweep()
        sweep()

    assert builders.money.state(ann) == ("2", "0", None)


@pytest.mark.parametrize(
    ("balance", "calls", "error"),
    [("0.49", None, errors.BalanceUsedUp), ("2", 0, errors.CallsUsedUp), (None, 0, errors.CallsUsedUp)],
)
def test_what_cannot_be_afforded_is_refused_and_leaves_nothing(
    ann: Account, is_stored: bool, balance: str | None, calls: int | None, error: type[errors.ParleyError]
) -> None:
    builders.money.meter(ann, balance, calls=calls)
    before = builders.money.state(ann)

    with pytest.raises(error):
        start(ann, is_stored=is_stored)

    assert builders.money.state(ann) == before
    assert not Run.objects.exists()
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()
    assert not LedgerEntry.objects.filter(run__isnull=False).exists()


def test_a_turn_that_is_one_too_many_in_the_queue_reserves_nothing(
    ann: Account, is_stored: bool, settings: Settings
) -> None:
    settings.MAX_QUEUED_RUNS = 1
    builders.money.meter(ann, "2", calls=3)
    start(ann, conversation_id="one", is_stored=is_stored)

    with pytest.raises(errors.RateLimited):
        start(ann, conversation_id="two", is_stored=is_stored)

    assert builders.money.state(ann) == ("2", CALL, 2)
    assert builders.money.ledger_sum(ann) == ("2", CALL, 2)


def test_a_turn_that_has_waited_too_long_costs_nothing(ann: Account, sweep: Sweep, settings: Settings) -> None:
    builders.money.meter(ann, "2", calls=3)
    run = start(ann)
    builders.runs.age(run, seconds=settings.QUEUE_WAIT + 1, column="queued_at")

    sweep()

    assert builders.money.state(ann) == ("2", "0", 3)
    assert builders.money.entries(run) == [("reserve", "0", CALL, -1), ("release", "0", "-0.5", 1)]


def test_a_quota_of_calls_alone_costs_no_money(ann: Account) -> None:
    builders.money.meter(ann, calls=1)

    run = start(ann)
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("0")))

    assert builders.money.state(ann) == (None, "0", 0)
    assert builders.money.entries(run) == [("reserve", "0", "0", -1), ("settle", "0", "0", 0)]


def test_a_model_without_a_price_is_refused_for_an_account_that_pays(ann: Account, settings: Settings) -> None:
    settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": "sk-vendor"}
    builders.money.meter(ann, "2")

    with pytest.raises(errors.ModelNotPriced):
        start(ann, model="gpt-4")

    assert not Run.objects.exists()


@pytest.mark.parametrize("key", ["", "again"])
def test_a_question_above_its_callers_limit_leaves_nothing(ann: Account, is_stored: bool, key: str) -> None:
    builders.money.meter(ann, "2")
    limited = Preconditions(idempotency_key=key, body_hash=b"0", max_cost=Decimal("0.4999999999"))

    with pytest.raises(errors.CostLimitReached):
        start(ann, is_stored=is_stored, preconditions=limited)

    assert not Run.objects.exists()
    assert not Conversation.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert builders.money.state(ann) == ("2", "0", None)


def test_a_limit_of_nothing_suffices_for_what_is_free(ann: Account, settings: Settings) -> None:
    settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": "sk-vendor"}
    builders.money.price(vendor="openai", model="gpt-4", input="0", output="0")
    builders.money.meter(ann, "2")

    run = start(ann, model="gpt-4", preconditions=Preconditions(max_cost=Decimal(0)))

    assert builders.money.reserved_for(run) == "0"


@pytest.mark.parametrize("is_claimed", [False, True], ids=["queued", "in progress"])
def test_a_call_is_not_given_back_to_an_account_that_may_make_any_number(ann: Account, is_claimed: bool) -> None:
    """Its quota was taken away while the run went on."""
    builders.money.meter(ann, "2", calls=3)
    run = start(ann)
    claimed = builders.runs.claim(run) if is_claimed else None
    balances.set_calls(account=ann, calls=None)

    if claimed:
        finish.finish(run=claimed, report=builders.runs.report("", status=RunStatus.FAILED, code="upstream_failed"))
    else:
        cancel.cancel(account_id=ann.pk, public_id=run.public_id)

    assert builders.money.entries(run) == [("reserve", "0", CALL, -1), ("release", "0", "-0.5", 0)]
    assert builders.money.state(ann) == ("2", "0", None)
    assert builders.money.ledger_sum(ann) == ("2", "0", 0)


def test_an_account_that_is_not_metered_has_no_entries(ann: Account) -> None:
    run = start(ann)
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report(bill=builders.money.bill("3")))

    assert not LedgerEntry.objects.exists()
    assert not Balance.objects.exists()


@pytest.mark.parametrize(
    "change", ["UPDATE conversations_ledgerentry SET amount = 0", "DELETE FROM conversations_ledgerentry"]
)
def test_an_entry_is_never_changed(ann: Account, change: str) -> None:
    builders.money.meter(ann, "2")

    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)

    assert builders.money.ledger_sum(ann) == ("2", "0", 0)
