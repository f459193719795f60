"""The ledger against a model of it, while several things happen to an account at the same moment.

Each step is a handful of calls, made at once by threads with connections of their own. Who wins is left to them: the
model is changed by what each call says it did, and is then compared with the tables. So every order is right that the
calls could have had one after another, and no outcome depends on pace.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from itertools import count
from threading import Barrier

import pytest
import redis
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

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

CALL, CALLS, BALANCE = Decimal("0.5"), 12, Decimal(3)
MOST_AT_ONCE = 5
# Which calls about one conversation share.
CONVERSATIONS = 2
KINDS = (
    *("accept", "accept", "accept in one", "replace", "unstored", "claim", "claim", "extend", "settle", "settle"),
    *("fail", "refuse", "put back", "cancel", "sweep", "top up", "take", "refund"),
)
AMOUNTS = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(2), places=4)


# What a call says that it has added to the balance by hand.
Added = Decimal
NOTHING = Added(0)
Call = Callable[[], Added]
# The kind of a call, which of the runs it is about, and an amount.
Drawn = tuple[str, int, Decimal]


class ConcurrentLedger(RuleBasedStateMachine):
    numbers = count()

    def __init__(self) -> None:
        super().__init__()
        self.name = f"concurrent account {next(self.numbers)}"
        self.account: Account = AccountFactory.create(name=self.name)
        builders.money.meter(self.account, str(BALANCE), calls=CALLS)
        # Made before threads use it.
        builders.runs.caller(self.account)
        self.worker_id = builders.runs.worker()
        self.added = BALANCE

    @rule(
        drawn=st.lists(
            st.tuples(st.sampled_from(KINDS), st.integers(0, 5), AMOUNTS),
            min_size=1,
            max_size=MOST_AT_ONCE,
        )
    )
    def at_once(self, drawn: list[Drawn]) -> None:
        runs = list(Run.objects.for_account(self.account).order_by("pk"))
        calls = [call for kind, at, amount in drawn if (call := self.call(kind, runs, at, amount))]
        if not calls:
            return
        barrier = Barrier(len(calls))

        def begin(call: Call) -> Added:
            try:
                barrier.wait(30)
                return call()
            finally:
                connection.close()

        with ThreadPoolExecutor(len(calls)) as threads:
            self.added += sum(threads.map(begin, calls), NOTHING)

    def call(self, kind: str, runs: list[Run], at: int, amount: Decimal) -> Call | None:
        """Of the newest runs it may be about any, also one that another call ends at the same moment."""
        if kind in ("accept", "accept in one", "replace", "unstored"):
            return partial(self.accept, kind, at)
        if kind == "sweep":
            return self.sweep
        if kind in ("top up", "take"):
            return partial(self.add, amount if kind == "top up" else -amount)
        if not runs:
            return None
        run = runs[-1 - at % len(runs)]
        about: dict[str, Callable[[Run], Added]] = {
            "claim": self.claim,
            "extend": partial(self.extend, more=amount),
            "settle": partial(self.settle, cost=amount),
            "fail": self.fail,
            "refuse": self.refuse,
            "put back": self.put_back,
            "cancel": self.cancel,
            "refund": partial(self.refund, amount=amount),
        }
        return partial(about[kind], run)

    def accept(self, kind: str, at: int) -> Added:
        """In a conversation of its own, unless another one may be about the same."""
        thread = f"{self.name}, {at % CONVERSATIONS if kind != 'accept' else next(self.numbers)}"
        given = Preconditions(on_busy=OnBusy.REPLACE) if kind == "replace" else Preconditions()
        is_stored = kind != "unstored"
        with contextlib.suppress(errors.BalanceUsedUp, errors.CallsUsedUp):
            builders.runs.accept(
                self.account, model="echo", conversation_id=thread, is_stored=is_stored, preconditions=given
            )
        return NOTHING

    def claim(self, run: Run) -> Added:
        builders.runs.try_claim(run, worker_id=self.worker_id)
        return NOTHING

    def attempt(self, run: Run) -> ActiveRun | None:
        return ActiveRun.objects.filter(pk=run.pk, worker__isnull=False).first()

    def extend(self, run: Run, *, more: Decimal) -> Added:
        if active := self.attempt(run):
            wanted = (active.reserved or Decimal(0)) + more
            ledger.extend(
                account_id=self.account.pk, run_id=run.pk, attempt=active.attempt, wanted=wanted, least=Decimal(0)
            )
        return NOTHING

    def settle(self, run: Run, *, cost: Decimal) -> Added:
        if active := self.attempt(run):
            self.end(run, active, builders.runs.report(bill=builders.money.bill(str(cost))))
        return NOTHING

    def fail(self, run: Run) -> Added:
        if active := self.attempt(run):
            self.end(run, active, builders.runs.report("", status=RunStatus.FAILED, code="upstream_failed"))
        return NOTHING

    def end(self, run: Run, active: ActiveRun, report: finish.AttemptReport) -> None:
        try:
            claimed = builders.runs.claimed_again(run, attempt=active.attempt)
        except ActiveRun.DoesNotExist:
            # Another call has ended it.
            return
        finish.finish(run=claimed, report=report)

    def refuse(self, run: Run) -> Added:
        if active := self.attempt(run):
            keys = {"account_id": self.account.pk, "run_id": run.pk, "attempt": active.attempt}
            finish.fail_refused(**keys, worker_name="w", is_lost=False)
        return NOTHING

    def put_back(self, run: Run) -> Added:
        if active := self.attempt(run):
            builders.runs.requeue(run, attempt=active.attempt, is_lost=False)
        return NOTHING

    def cancel(self, run: Run) -> Added:
        cancel.cancel_run(run)
        return NOTHING

    def sweep(self) -> Added:
        """Every worker is dead, so it recovers or ends all that are in progress."""
        for active in ActiveRun.objects.for_account(self.account).filter(worker__isnull=False).select_related("run"):
            builders.runs.silence_worker(active.run)
        sweep.sweep()
        return NOTHING

    def add(self, amount: Decimal) -> Added:
        try:
            balances.adjust(account=self.account, amount=amount, note="by hand")
        except errors.InvalidRequest:
            return NOTHING
        return amount

    def refund(self, run: Run, *, amount: Decimal) -> Added:
        try:
            balances.refund(run=run, amount=amount)
        except errors.InvalidRequest:
            return NOTHING
        return amount

    @invariant()
    def the_sum_is_the_balance(self) -> None:
        """What came in and was paid, by the entries; and the balance beside it."""
        entries = LedgerEntry.objects.for_account(self.account)
        paid = sum(entries.filter(kind="settle").values_list("amount", flat=True), Decimal(0))
        calls = CALLS + sum(entries.filter(run__isnull=False).values_list("calls", flat=True))
        balance = Balance.objects.get(account=self.account)
        assert balance.amount == self.added + paid >= balance.reserved >= 0
        assert balance.calls_left == calls >= 0
        sums = builders.money.ledger_sum(self.account)
        assert (Decimal(sums[0]), Decimal(sums[1]), sums[2]) == (balance.amount, balance.reserved, calls)

    @invariant()
    def every_run_has_what_its_entries_say(self) -> None:
        """One that goes on holds what was reserved for it; one that has ended holds nothing, and ended once."""
        rows = ActiveRun.objects.for_account(self.account)
        active = {row.pk: row.reserved or Decimal(0) for row in rows}
        balance = Balance.objects.get(account=self.account)
        assert sum(active.values(), Decimal(0)) == balance.reserved
        for run in Run.objects.for_account(self.account):
            entries = LedgerEntry.objects.for_account(self.account).filter(run=run)
            kinds = sorted(entries.values_list("kind", flat=True))
            assert sum(entries.values_list("reserved", flat=True)) == active.get(run.pk, 0)
            assert kinds.count("settle") + kinds.count("release") == (run.pk not in active)
            assert (run.finished_at is None) == (run.pk in active)
            used = sum(entries.values_list("calls", flat=True))
            assert used == (0 if "release" in kinds else -1)
            assert sum(entries.values_list("amount", flat=True)) <= 0


def test_the_ledger_is_right_whatever_happens_at_once(valkey: redis.Redis) -> None:
    builders.money.price(call="0.5")

    run_state_machine_as_test(
        ConcurrentLedger,
        settings=settings(
            max_examples=12,
            stateful_step_count=12,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
