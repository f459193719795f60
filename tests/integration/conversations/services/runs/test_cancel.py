"""Stopping a run: what ends here, what its worker must end, and what changes nothing."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db.models.functions import Now

from conversations import errors, ids
from conversations.models import Account, Run, Worker
from conversations.services import workers
from conversations.services.runs import cancel as cancelling
from conversations.services.runs import finish
from conversations.services.runs.claim import ClaimOutcome
from conversations.values.runs import RunStatus
from conversations.workers import sweep
from tests import builders
from tests.builders.factories import AccountFactory
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db


def cancel(run: Run) -> Run:
    return cancelling.cancel(account_id=run.account_id, public_id=run.public_id)


def outcome(run: Run) -> tuple[str, str, bool, bool]:
    run.refresh_from_db()
    return run.status, run.error_code, run.finished_at is not None, run.progress.cancel_requested_at is not None


def test_a_waiting_run_ends_at_once(ann: Account) -> None:
    run = builders.runs.start(ann)

    found = cancel(run)

    assert outcome(run) == ("cancelled", "run_cancelled", True, False)
    assert found.status == RunStatus.CANCELLED
    assert builders.runs.try_claim(run) is ClaimOutcome.TAKEN
    assert inspection.messages(run) == [("user", "Hello")]
    assert inspection.conversation(ann).head_id is None


def test_a_waiting_runs_readers_are_notified_and_the_next_run_is_woken(
    ann: Account, valkey: redis.Redis, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = builders.runs.start(ann, "1"), builders.runs.start(ann, "2")

    with valkey.pubsub() as readers:  # type: ignore[no-untyped-call]  # theirs
        readers.subscribe(first.channel)
        readers.get_message(timeout=30)
        with django_capture_on_commit_callbacks() as callbacks:
            cancel(first)
        for callback in callbacks:
            if not hasattr(callback, "args"):
                callback()
        notify_readers = readers.get_message(timeout=30)

    assert notify_readers is not None
    assert (notify_readers["type"], notify_readers["data"]) == ("message", b"")
    assert [callback.args[0][0].kwargs for callback in callbacks if hasattr(callback, "args")] == [
        {"account_id": ann.pk, "run_id": second.pk}
    ]


def test_a_run_in_progress_is_left_to_its_worker(ann: Account, django_capture_on_commit_callbacks: Any) -> None:
    worker_id, another = builders.runs.worker(), builders.runs.worker()
    run = builders.runs.start(ann)
    claimed = builders.runs.claim(run, worker_id=worker_id)

    with django_capture_on_commit_callbacks() as callbacks:
        cancel(run)

    assert outcome(run) == ("in_progress", "", False, True)
    assert callbacks == []
    assert workers.cancelled_runs(worker_id=worker_id) == {run.pk}
    assert workers.cancelled_runs(worker_id=another) == set()
    assert finish.finish(run=claimed, report=builders.runs.report("Hel", status=RunStatus.CANCELLED))
    assert workers.cancelled_runs(worker_id=worker_id) == set()
    assert inspection.thread(ann) == ["Hello", "Hel"]


def test_the_first_call_counts(ann: Account) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)
    first = cancel(run).progress.cancel_requested_at

    assert first is not None
    assert cancel(run).progress.cancel_requested_at == first


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.INCOMPLETE, RunStatus.CANCELLED])
def test_an_ended_run_stays_as_it_is(ann: Account, status: RunStatus) -> None:
    run = builders.runs.start(ann)
    finish.finish(run=builders.runs.claim(run), report=builders.runs.report("Hi.", status=status, code="x"))
    before = Run.objects.filter(pk=run.pk).values().get()

    cancel(run)

    assert Run.objects.filter(pk=run.pk).values().get() == before


def test_other_accounts_runs_and_unknown_ones_are_not_found(ann: Account) -> None:
    run, bob = builders.runs.start(ann), AccountFactory.create(name="bob")

    for account, run_id in ((bob, run.public_id), (ann, ids.new_run_id()), (ann, "")):
        with pytest.raises(errors.NotFound):
            cancelling.cancel(account_id=account.pk, public_id=run_id)

    assert outcome(run) == ("queued", "", False, False)


def test_a_stopped_run_whose_worker_died_is_not_begun_anew(ann: Account) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)
    cancel(run)
    Worker.objects.filter(active_runs=run.pk).update(heartbeat_at=Now() - timedelta(seconds=9))

    sweep.sweep()

    assert outcome(run)[:3] == ("cancelled", "run_cancelled", True)
