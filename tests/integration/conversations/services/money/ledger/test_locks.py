"""Everything that changes one account's balance, at once: nobody waits for each other, and the sum is the balance."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import redis
from django.db import connection
from django.db.models.functions import Now

from conversations import errors
from conversations.models import Account, ActiveRun, Conversation, Erasure, Run
from conversations.services.erasures.advance import advance
from conversations.services.money import balances, ledger, reconcile
from conversations.services.runs import cancel, finish
from conversations.services.runs.claim import ClaimedRun
from conversations.values.requests import OnBusy, Preconditions
from conversations.values.runs import RunStatus
from conversations.workers import sweep
from tests import builders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

# The sweep has a connection of its own beside its thread's, and a pool has ten.
THREADS, ROUNDS = 4, 30
CONVERSATIONS = 4


class Actor:
    """One thread's random part of it."""

    def __init__(self, ann: Account, worker_id: int, number: int) -> None:
        self.ann, self.worker_id = ann, worker_id
        self.random = Random(number)

    def act(self) -> None:
        turns = (self.turn, self.turn, self.replace)
        self._act(*turns, self.cancel, self.enter, self.refund, self.delete, self.sweep)

    def act_on_what_is_there(self) -> None:
        self._act(self.cancel, self.enter, self.refund, self.sweep)

    def _act(self, *actions: Callable[[], None]) -> None:
        try:
            for _ in range(ROUNDS):
                try:
                    self.random.choice(actions)()
                except errors.ParleyError:
                    # Busy, deleted, or used up for the moment.
                    continue
        finally:
            connection.close()

    def start(self, **more: Any) -> Run:
        """In one of a few conversations; the id of a deleted one is not used again."""
        deleted = Conversation.objects.exclude(deleted_at=None).count()
        thread = {"conversation_id": f"thread {self.random.randrange(CONVERSATIONS)} {deleted}"}
        return builders.runs.start(self.ann, model="echo", has_endpoints=True, **{**thread, **more})

    def turn(self) -> None:
        self.end(self.start())

    def replace(self) -> None:
        self.end(self.start(preconditions=Preconditions(on_busy=OnBusy.REPLACE)))

    def end(self, run: Run) -> None:
        claimed = builders.runs.try_claim(run, worker_id=self.worker_id)
        if not isinstance(claimed, ClaimedRun):
            return
        keys = {"account_id": self.ann.pk, "run_id": run.pk, "attempt": claimed.attempt}
        ledger.extend(**keys, wanted=Decimal("0.7"), least=Decimal(0))
        fails = self.random.random() < 0.2
        bill = None if fails else builders.money.bill("0.6")
        status = RunStatus.FAILED if fails else RunStatus.COMPLETED
        report = builders.runs.report(status=status, code="upstream_failed" if fails else "", bill=bill)
        finish.finish(run=claimed, report=report)

    def cancel(self) -> None:
        if active := ActiveRun.objects.for_account(self.ann).with_runs().order_by("?").first():
            cancel.cancel_run(active.run)

    def enter(self) -> None:
        balances.top_up(account=self.ann, amount=Decimal(1))
        balances.adjust(account=self.ann, amount=Decimal("-0.9"))
        balances.set_calls(account=self.ann, calls=self.random.choice([None, 1_000]))

    def refund(self) -> None:
        if run := Run.objects.for_account(self.ann).filter(finished_at__isnull=False).order_by("?").first():
            balances.refund(run=run, amount=Decimal("0.1"))

    def delete(self) -> None:
        if thread := Conversation.objects.for_account(self.ann).filter(deleted_at=None).order_by("?").first():
            builders.erasures.delete_conversation(conversation_id=thread.pk)

    def sweep(self) -> None:
        sweep.sweep()


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        [number] = cursor.fetchone()
    return int(number)


@pytest.fixture
def worker_id(valkey: redis.Redis) -> int:
    return builders.runs.worker()


@pytest.fixture
def ann(ann: Account) -> Account:
    builders.money.price(call="0.5")
    builders.money.meter(ann, "20", calls=1_000)
    builders.webhooks.endpoint(ann)
    return ann


def at_once(acts: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(acts)) as threads:
        for act in [threads.submit(act) for act in acts]:
            act.result()


def test_nothing_waits_for_each_other_and_nothing_is_lost(ann: Account, worker_id: int) -> None:
    builders.runs.caller(ann)
    before = deadlocks()

    at_once([Actor(ann, worker_id, number).act for number in range(THREADS)])

    assert deadlocks() == before
    assert reconcile.reconcile() == 0


def test_an_account_is_erased_meanwhile(ann: Account, worker_id: int) -> None:
    actors = [Actor(ann, worker_id, number) for number in range(3)]
    waiting = [actors[0].start(conversation_id=f"waits {number}") for number in range(6)]
    for run in waiting[:3]:
        builders.runs.claim(run, worker_id=worker_id)
    builders.runs.silence_worker(waiting[0])
    builders.erasures.erase_account(ann)
    before = deadlocks()

    at_once([*(actor.act_on_what_is_there for actor in actors), lambda: erase(ann)])

    assert deadlocks() == before
    assert not ActiveRun.objects.exists()
    assert builders.money.state(ann)[1] == "0"
    assert reconcile.reconcile() == 0


def erase(ann: Account) -> None:
    """Runs in progress end by the sweep, once their workers are silent; the erasure waits for that."""
    erasure = Erasure.objects.get(account=ann, subject=Erasure.Subject.ACCOUNT.value)
    try:
        while erasure.finished_at is None:
            sweep.sweep()
            Erasure.objects.filter(pk=erasure.pk).update(due_at=Now())
            advance(erasure_pk=erasure.pk)
            erasure.refresh_from_db()
    finally:
        connection.close()
