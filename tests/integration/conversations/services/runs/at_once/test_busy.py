"""Many callers of one busy conversation at the same instant: some replace, some are rejected, and it is worked on."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import redis
from django.conf import settings

from conversations import errors
from conversations.models import Account, ActiveRun, Run
from conversations.services import transactions
from conversations.services.runs import cancel, finish
from conversations.services.runs.claim import ClaimedRun
from conversations.values.requests import OnBusy, Preconditions
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db(transaction=True)

POSTS = 100
CALLERS, WORKERS = 12, 3
PATIENCE_SECONDS = 60.0


@pytest.fixture(params=[False, True], ids=["no-endpoint", "endpoint"])
def ann(request: pytest.FixtureRequest) -> Iterator[Account]:
    """With an endpoint an end locks more: the numbers of its events, and the account's row."""
    account = AccountFactory.create(name="ann")
    if request.param:
        builders.webhooks.endpoint(account)
    yield account
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


def post(owner: Account, number: int) -> str:
    """What became of it: accepted, or busy. Every third is one that waits its turn."""
    on_busy = (OnBusy.REPLACE, OnBusy.REJECT, OnBusy.QUEUE)[number % 3]
    try:
        builders.runs.accept(owner, str(number), preconditions=Preconditions(on_busy=on_busy))
    except errors.ConversationBusy:
        return "busy"
    return "accepted"


def work(is_over: threading.Event) -> None:
    """As workers do, and as one does who stops runs by their ids: until all is asked and nothing is left."""
    worker_id = builders.runs.worker()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_over.is_set() or ActiveRun.objects.exists():
        assert time.monotonic() < deadline, "Runs are left that nobody ends"
        for run in Run.objects.filter(active__status="queued").order_by("pk")[:3]:
            if run.pk % 5 == 0:
                cancel.cancel_run(run)
            elif isinstance(claimed := builders.runs.try_claim(run, worker_id=worker_id), ClaimedRun):
                finish.finish(run=claimed, report=builders.runs.report())


def test_each_gets_exactly_one_outcome_and_none_waits_in_a_circle(
    ann: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the order of the locks alone: nothing is begun anew here."""
    monkeypatch.setattr(transactions, "PAUSES", ())
    is_over = threading.Event()
    with ThreadPoolExecutor(WORKERS) as workers, ThreadPoolExecutor(CALLERS) as callers:
        working = [workers.submit(builders.locks.hung_up, partial(work, is_over)) for _ in range(WORKERS)]
        posted = [callers.submit(builders.locks.hung_up, partial(post, ann, number)) for number in range(POSTS)]
        failures = [failure for future in posted if (failure := future.exception())]
        is_over.set()
        failures += [failure for future in working if (failure := future.exception())]

    assert failures == []
    outcomes = Counter(future.result() for future in posted)
    assert outcomes.total() == POSTS
    ended = list(Run.objects.all())
    assert len(ended) == outcomes["accepted"] > 0
    assert {run.status for run in ended} <= {"completed", "cancelled"}
    assert all(run.attempts.count() == run.attempt for run in ended)
