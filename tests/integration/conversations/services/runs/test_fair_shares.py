"""Fair shares of the workers: who is held back, who is woken next, and that it costs the others nothing."""

from typing import Any

import pytest
import redis
from django.db import connection
from django.db.models.functions import Now

from conversations import broker
from conversations.models import Account, ActiveRun, Run
from conversations.services.runs import fair_shares, finish
from conversations.services.runs.claim import ClaimedRun
from tests import builders, plans
from tests.builders.factories import AccountFactory
from tests.integration.conversations import inspection
from tests.integration.conversations.conftest import Sweep

pytestmark = pytest.mark.django_db

THREADS = 8


@pytest.fixture
def worker(valkey: redis.Redis) -> int:
    return builders.runs.worker(threads=THREADS)


def ask(owner: Account, count: int) -> list[Run]:
    return [builders.runs.start(owner, is_stored=False) for _ in range(count)]


def claim_all(asked: list[Run], worker: int) -> list[ClaimedRun]:
    claims = [builders.runs.try_claim(run, worker_id=worker) for run in asked]
    return [claimed for claimed in claims if isinstance(claimed, ClaimedRun)]


def is_held(run: Run) -> bool:
    run.refresh_from_db()
    return run.status == "queued" and run.active.woken_at is None


def woken(capture: Any) -> list[int]:
    """The runs that an end or a sweep has woken, in their order."""
    with capture(execute=True):
        fair_shares.wake_held()
    return broker.next_runs(most=100)


def test_one_account_alone_gets_three_quarters_of_the_workers(ann: Account, worker: int) -> None:
    asked = ask(ann, 20)

    taken = claim_all(asked, worker)

    assert [claimed.pk for claimed in taken] == [run.pk for run in asked[:6]]
    assert [is_held(run) for run in asked] == [False] * 6 + [True] * 14


def test_the_first_run_of_every_account_is_taken(ann: Account, bob: Account, worker: int) -> None:
    claim_all(ask(ann, 20), worker)
    others = [ask(AccountFactory.create(name=name), 1)[0] for name in ("carl", "dora", "eve")]

    assert len(claim_all([*ask(bob, 1), *others], worker)) == 4


def test_two_accounts_share_what_one_had(ann: Account, bob: Account, worker: int) -> None:
    taken = claim_all(ask(ann, 20), worker)
    bobs = ask(bob, 20)
    assert len(claim_all(bobs, worker)) == 2

    for claimed in taken:
        finish.finish(run=claimed, report=builders.runs.report())
        claim_all(list(Run.objects.filter(active__status="queued", active__woken_at__isnull=False)), worker)

    shares = [Run.objects.for_account(owner).with_status("in_progress").count() for owner in (ann, bob)]
    assert sorted(shares) == [3, 4]


def test_what_waits_for_its_conversation_is_not_held(ann: Account, worker: int) -> None:
    claim_all(ask(ann, 20), worker)
    first, second = builders.runs.start(ann, "1"), builders.runs.start(ann, "2")

    claim_all([second, first], worker)

    assert [is_held(first), is_held(second)] == [True, False]


def test_an_end_wakes_the_oldest_run_of_who_has_the_fewest_in_progress(
    ann: Account, bob: Account, worker: int, django_capture_on_commit_callbacks: Any
) -> None:
    anns = ask(ann, 10)
    taken = claim_all(anns, worker)
    bobs = ask(bob, 4)
    claim_all(bobs, worker)
    assert [run.pk for run in [*anns, *bobs] if is_held(run)] == [run.pk for run in [*anns[6:], *bobs[2:]]]

    with django_capture_on_commit_callbacks(execute=True):
        finish.finish(run=taken[0], report=builders.runs.report())

    assert broker.next_runs(most=100) == [bobs[2].pk]
    assert not is_held(bobs[2])


def test_nobody_is_woken_without_room(ann: Account, worker: int, django_capture_on_commit_callbacks: Any) -> None:
    asked = ask(ann, 10)
    claim_all(asked, worker)

    assert woken(django_capture_on_commit_callbacks) == []
    assert [is_held(run) for run in asked] == [False] * 6 + [True] * 4


def test_the_end_of_a_run_wakes_one_of_its_account_and_in_order(
    ann: Account, worker: int, django_capture_on_commit_callbacks: Any
) -> None:
    asked = ask(ann, 9)
    taken = claim_all(asked, worker)

    for claimed in taken[:2]:
        with django_capture_on_commit_callbacks(execute=True):
            finish.finish(run=claimed, report=builders.runs.report())

    assert broker.next_runs(most=100) == [asked[6].pk, asked[7].pk]


def test_a_sweep_wakes_whoever_has_room_when_an_end_was_not_heard(
    ann: Account, bob: Account, worker: int, sweep: Sweep
) -> None:
    anns, bobs = ask(ann, 20), ask(bob, 20)
    claim_all(anns, worker)
    ActiveRun.objects.filter(pk__in=[run.pk for run in bobs]).update(woken_at=None)
    Run.objects.filter(active__status="in_progress").update(finished_at=Now())
    ActiveRun.objects.filter(status="in_progress").delete()

    first = sweep()

    assert sorted(first) == [run.pk for run in [*anns[6:12], *bobs[:6]]]
    assert set(first[:2]) == {anns[6].pk, bobs[0].pk}


def test_a_sweep_wakes_nobody_who_has_no_room(ann: Account, worker: int, sweep: Sweep) -> None:
    claim_all(ask(ann, 20), worker)

    assert sweep() == []


def test_nobody_is_woken_while_there_are_no_workers(
    ann: Account, valkey: redis.Redis, django_capture_on_commit_callbacks: Any
) -> None:
    ask(ann, 2)
    ActiveRun.objects.update(woken_at=None)

    assert woken(django_capture_on_commit_callbacks) == []


def test_what_is_held_too_long_ends_like_any_other_that_waits(ann: Account, worker: int, sweep: Sweep) -> None:
    asked = ask(ann, 7)
    claim_all(asked, worker)
    builders.runs.age(asked[6], seconds=301, column="queued_at")

    sweep()

    assert inspection.state(asked[6]) == ("failed", 0, 0, "conversation_busy")


MANY_HELD = """
INSERT INTO conversations_activerun (run_id, account_id, woken_at)
SELECT -n, account_id, NULL FROM conversations_activerun, generate_series(1, 10000) AS n
"""


def test_ten_thousand_runs_of_one_account_are_not_read_for_another(ann: Account, bob: Account, worker: int) -> None:
    builders.runs.start(ann, is_stored=False)
    with connection.cursor() as cursor:
        cursor.execute(MANY_HELD)
        cursor.execute("ANALYZE conversations_activerun")
    bobs = ask(bob, 1)
    ActiveRun.objects.filter(pk=bobs[0].pk).update(woken_at=None)

    limits: dict[str, Any] = {"most": 1, "accounts": fair_shares.ACCOUNTS_LOOKED_AT, **fair_shares.LIMITS}
    nodes = plans.plan_of(fair_shares.WAKE_HELD, limits, analyze=True)

    read = [node for node in nodes if node.get("Relation Name") == "conversations_activerun"]
    assert max(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read) <= 2
