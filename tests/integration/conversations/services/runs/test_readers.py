"""What the readers of a run change in its row."""

import pytest

from conversations.models import Account
from conversations.services.runs import readers
from tests import builders

pytestmark = pytest.mark.django_db


def test_erases_only_runs_that_are_not_stored_and_have_ended(ann: Account) -> None:
    stored = builders.runs.answered(ann)
    unstored = builders.runs.answered(ann, is_stored=False, preset="Secret")
    running = builders.runs.start(ann, is_stored=False)

    for run in (stored, unstored, running):
        readers.erase_unstored(run_ids=[run.pk])
        run.refresh_from_db()

    assert (unstored.request, unstored.answer, unstored.preset_text) == (None, None, None)
    assert unstored.status == "completed"
    assert stored.request is not None
    assert stored.answer is not None
    assert running.request is not None


def test_an_unread_run_is_stopped_and_erased(ann: Account) -> None:
    waiting, busy = builders.runs.start(ann, is_stored=False), builders.runs.start(ann, is_stored=False)
    builders.runs.claim(busy)

    for run in (waiting, busy):
        readers.cancel_unread(run_id=run.pk)
        run.refresh_from_db()

    assert (waiting.status, waiting.request) == ("cancelled", None)
    assert (busy.status, busy.error_code, busy.finished_at) == ("in_progress", "", None)
    assert busy.active.cancel_requested_at is not None
    assert busy.request is not None


def test_a_stored_run_is_never_unread(ann: Account) -> None:
    run = builders.runs.start(ann)

    readers.cancel_unread(run_id=run.pk)

    run.refresh_from_db()
    assert (run.status, run.error_code) == ("queued", "")
    assert (run.finished_at, run.active.cancel_requested_at) == (None, None)
