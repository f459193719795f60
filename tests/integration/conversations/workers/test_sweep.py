"""What the sweep erases by age."""

import pytest

from conversations.models import Account
from conversations.workers import sweep as sweeping
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
        builders.runs.age(run, seconds=sweeping.ERASE_AFTER_SECONDS + 1, column="finished_at")

    sweep()

    for run in (old, new, stored):
        run.refresh_from_db()
    assert (old.request, old.answer) == (None, None)
    assert new.request is not None
    assert stored.request is not None
