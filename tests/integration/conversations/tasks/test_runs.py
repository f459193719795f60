"""The messages that wake workers: today's, and those that the release before this one left in the queue."""

import pytest

from conversations.models import Account, Run
from conversations.tasks import runs
from conversations.workers.runs import process as worker_process
from conversations.workers.runs.process import WorkerProcess
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def one_worker(process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "_current", process)


@pytest.fixture
def run(ann: Account) -> Run:
    """Its model has no key here, so it fails as soon as it is taken up."""
    return builders.runs.start(ann)


@pytest.mark.parametrize("names_account", [True, False], ids=["today's", "the last release's"])
def test_a_message_is_understood_with_its_account_and_without(run: Run, names_account: bool) -> None:
    message = {"account_id": run.account_id} if names_account else {}

    runs.execute(run_id=run.pk, **message)

    run.refresh_from_db()
    assert (run.status, run.attempt) == ("failed", 1)


def test_a_run_is_not_taken_up_for_another_account(run: Run, bob: Account) -> None:
    runs.execute(run_id=run.pk, account_id=bob.pk)

    run.refresh_from_db()
    assert (run.status, run.active.attempt) == ("queued", 0)


def test_a_message_of_a_run_that_is_gone_does_nothing(run: Run) -> None:
    runs.execute(run_id=run.pk + 1)

    run.refresh_from_db()
    assert run.status == "queued"
