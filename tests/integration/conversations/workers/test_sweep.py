"""What the sweep erases by age."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.models import Account
from conversations.services.runs import readers
from conversations.workers import sweep as sweeping
from conversations.workers.runs import queued
from tests import builders
from tests.integration.conversations.conftest import Sweep

pytestmark = pytest.mark.django_db


def test_a_run_that_is_not_stored_is_erased_in_the_end(ann: Account, sweep: Sweep) -> None:
    old, new, stored = (
        builders.runs.answered(ann, is_stored=False),
        builders.runs.answered(ann, is_stored=False),
        builders.runs.answered(ann),
    )
    for run in (old, stored):
        for column in ("finished_at", "forget_after"):
            builders.runs.age(run, seconds=sweeping.UNREAD_FOR.total_seconds() + 1, column=column)

    sweep()

    for run in (old, new, stored):
        run.refresh_from_db()
    assert (old.request, old.answer) == (None, None)
    assert new.request is not None
    assert stored.request is not None


def test_a_run_that_ended_late_is_left_to_its_reader_for_as_long(ann: Account, sweep: Sweep) -> None:
    late, waiting = builders.runs.answered(ann, is_stored=False), builders.runs.start(ann, is_stored=False)
    for run in (late, waiting):
        builders.runs.age(run, seconds=sweeping.UNREAD_FOR.total_seconds() + 1, column="forget_after")

    sweep()

    for run in (late, waiting):
        run.refresh_from_db()
        assert run.request is not None


def test_what_is_due_to_be_forgotten_is_found_by_its_index_alone(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.answered(ann, is_stored=False)
    readers.erase_unstored(run_ids=[run.pk])
    run.refresh_from_db()
    assert (run.request, run.forget_after) == (None, None)

    with CaptureQueriesContext(connection) as queries:
        sweep()

    (found,) = [query["sql"] for query in queries if '"forget_after" <' in query["sql"]]
    assert "JOIN" not in found
    assert "EXISTS" not in found


def test_only_one_sweep_at_a_time_does_the_work_of_a_whole_round(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    builders.runs.age(run, seconds=queued.WAKE_AGAIN_SECONDS + 1, column="woken_at")
    connection.ensure_connection()

    with sweeping._lock() as is_ours:
        assert is_ours
        assert sweep() == []

    assert sweep() == [run.pk]


def test_the_lock_of_a_sweep_goes_with_its_connection(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    builders.runs.age(run, seconds=queued.WAKE_AGAIN_SECONDS + 1, column="woken_at")

    with sweeping._lock() as is_ours, connection.cursor() as cursor:
        assert is_ours
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        assert cursor.fetchone() == (True,)
        assert sweep() == [run.pk]
