"""The ledger against a model of it: whatever happens to runs in whatever order, the sum is the balance."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import count

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from conversations import errors
from conversations.models import Account, ActiveRun, Balance, LedgerEntry, Run
from conversations.services.money import balances, ledger
from conversations.services.runs import cancel, finish
from conversations.values.requests import OnBusy, Preconditions
from conversations.values.runs import RunStatus
from conversations.workers import sweep
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

CALL = Decimal("0.5")
AMOUNTS = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(4), places=4)


@dataclass(slots=True)
class Held:
    """An active run as the model knows it."""

    run: Run
    reserved: Decimal
    attempt: int = 0
    lost: int = 0
    is_claimed: bool = False


class Ledger(RuleBasedStateMachine):
    numbers = count()

    def __init__(self) -> None:
        super().__init__()
        self.account: Account = AccountFactory.create(name=f"account {next(self.numbers)} of the model")
        self.amount, self.calls = Decimal(2), 20
        builders.money.meter(self.account, "2", calls=self.calls)
        self.active: list[Held] = []
        self.paid: list[tuple[Run, Decimal]] = []

    @property
    def available(self) -> Decimal:
        return self.amount - sum((held.reserved for held in self.active), Decimal(0))

    def chosen(self, at: int, *, is_claimed: bool | None = None) -> Held | None:
        fitting = [held for held in self.active if is_claimed is None or held.is_claimed is is_claimed]
        return fitting[at % len(fitting)] if fitting else None

    @rule(is_stored=st.booleans())
    def accept(self, is_stored: bool) -> None:
        thread = f"thread {next(self.numbers)}"
        try:
            run = builders.runs.start(self.account, model="echo", conversation_id=thread, is_stored=is_stored)
        except (errors.BalanceUsedUp, errors.CallsUsedUp):
            assert self.available < CALL or self.calls == 0
            return
        assert self.available >= CALL
        assert self.calls > 0
        self.calls -= 1
        self.active.append(Held(run, CALL))

    @rule()
    def replace(self) -> None:
        """Two turns of one conversation, of which the second stops the first."""
        thread = f"thread {next(self.numbers)}"
        if self.available < 2 * CALL or self.calls < 2:
            return
        builders.runs.start(self.account, model="echo", conversation_id=thread)
        replacing = Preconditions(on_busy=OnBusy.REPLACE)
        run = builders.runs.start(self.account, model="echo", conversation_id=thread, preconditions=replacing)
        self.calls -= 1
        self.active.append(Held(run, CALL))

    @rule(at=st.integers(0, 9))
    def claim(self, at: int) -> None:
        if held := self.chosen(at, is_claimed=False):
            held.attempt = builders.runs.claim(held.run).attempt
            held.is_claimed = True

    @rule(at=st.integers(0, 9), more=AMOUNTS, is_needed=st.booleans())
    def extend(self, at: int, more: Decimal, is_needed: bool) -> None:
        if held := self.chosen(at, is_claimed=True):
            wanted = held.reserved + more
            least = wanted if is_needed else Decimal(0)
            got = ledger.extend(
                account_id=self.account.pk, run_id=held.run.pk, attempt=held.attempt, wanted=wanted, least=least
            )
            affordable = min(more, self.available)
            held.reserved += Decimal(0) if is_needed and affordable < more else affordable
            assert got == held.reserved

    @rule(at=st.integers(0, 9))
    def extend_for_an_older_attempt(self, at: int) -> None:
        if held := self.chosen(at):
            keys = {"account_id": self.account.pk, "run_id": held.run.pk, "attempt": held.attempt - 1}
            assert ledger.extend(**keys, wanted=Decimal(9), least=Decimal(0)) is None

    @rule(at=st.integers(0, 9), cost=AMOUNTS, is_repeated=st.booleans())
    def settle(self, at: int, cost: Decimal, is_repeated: bool) -> None:
        if held := self.chosen(at, is_claimed=True):
            claimed = builders.runs.claimed_again(held.run, attempt=held.attempt)
            report = builders.runs.report(bill=builders.money.bill(str(cost)))
            assert finish.finish(run=claimed, report=report)
            if is_repeated:
                assert not finish.finish(run=claimed, report=report)
            paid = min(cost, self.available + held.reserved)
            self.active.remove(held)
            self.amount -= paid
            self.paid.append((held.run, paid))

    @rule(at=st.integers(0, 9))
    def fail(self, at: int) -> None:
        if held := self.chosen(at, is_claimed=True):
            report = builders.runs.report("", status=RunStatus.FAILED, code="upstream_failed")
            assert finish.finish(run=builders.runs.claimed_again(held.run, attempt=held.attempt), report=report)
            self.forget(held)

    @rule(at=st.integers(0, 9))
    def refuse_its_end(self, at: int) -> None:
        if held := self.chosen(at, is_claimed=True):
            finish.fail_refused(
                account_id=self.account.pk, run_id=held.run.pk, attempt=held.attempt, worker_name="w", is_lost=False
            )
            self.forget(held)

    @rule(at=st.integers(0, 9))
    def cancel_queued(self, at: int) -> None:
        if held := self.chosen(at, is_claimed=False):
            cancel.cancel_run(held.run)
            self.forget(held)

    @rule(at=st.integers(0, 9))
    def drain(self, at: int) -> None:
        if held := self.chosen(at, is_claimed=True):
            assert builders.runs.requeue(held.run, attempt=held.attempt, is_lost=False)
            held.is_claimed = False

    @precondition(lambda self: any(held.is_claimed for held in self.active))
    @rule(at=st.integers(0, 9))
    def crash(self, at: int) -> None:
        """A worker dies, and the sweep finds its run."""
        held = self.chosen(at, is_claimed=True)
        assert held is not None
        builders.runs.silence_worker(held.run)
        sweep.sweep()
        sweep.sweep()
        held.lost += 1
        held.is_claimed = False
        if held.lost == 3:
            self.forget(held)

    @rule(amount=AMOUNTS)
    def top_up(self, amount: Decimal) -> None:
        balances.top_up(account=self.account, amount=amount)
        self.amount += amount

    @rule(amount=AMOUNTS)
    def take(self, amount: Decimal) -> None:
        try:
            balances.adjust(account=self.account, amount=-amount, note="taken")
        except errors.InvalidRequest:
            assert amount > self.available
            return
        self.amount -= amount

    @rule(at=st.integers(0, 9), amount=AMOUNTS)
    def refund(self, at: int, amount: Decimal) -> None:
        if not self.paid:
            return
        run, paid = self.paid[at % len(self.paid)]
        try:
            balances.refund(run=run, amount=amount)
        except errors.InvalidRequest:
            assert amount > paid
            return
        self.paid[at % len(self.paid)] = (run, paid - amount)
        self.amount += amount

    def forget(self, held: Held) -> None:
        """It ended and cost nothing."""
        self.active.remove(held)
        self.calls += 1

    @invariant()
    def the_sum_is_the_balance(self) -> None:
        balance = Balance.objects.get(account=self.account)
        reserved = sum((held.reserved for held in self.active), Decimal(0))
        assert (balance.amount, balance.reserved, balance.calls_left) == (self.amount, reserved, self.calls)
        amount, in_entries, calls = builders.money.ledger_sum(self.account)
        assert (Decimal(amount), Decimal(in_entries), calls) == (self.amount, reserved, self.calls)

    @invariant()
    def no_reservation_outlives_its_run(self) -> None:
        rows = ActiveRun.objects.for_account(self.account).filter(reserved__isnull=False)
        assert dict(rows.values_list("pk", "reserved")) == {held.run.pk: held.reserved for held in self.active}

    @invariant()
    def every_end_has_one_entry(self) -> None:
        ends = LedgerEntry.objects.for_account(self.account).filter(kind__in=["settle", "release"])
        ended = Run.objects.for_account(self.account).ended()
        assert sorted(ends.values_list("run", flat=True)) == sorted(ended.values_list("pk", flat=True))


def test_the_ledger_is_right_whatever_happens(valkey: redis.Redis) -> None:
    builders.money.price(call="0.5")

    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
