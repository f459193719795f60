"""What the sweep erases or deletes by age."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

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
        for column in ("finished_at", "forget_after"):
            builders.runs.age(run, seconds=sweeping.UNREAD_FOR.total_seconds() + 1, column=column)

    sweep()

    for run in (old, new, stored):
        run.refresh_from_db()
    assert (old.request, old.answer) == (None, None)
    assert new.request is not None
    assert stored.request is not None


def test_sessions_of_the_admin_that_are_over_are_deleted(sweep: Sweep) -> None:
    for key, hours in (("over", -1), ("open", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=Now() + timedelta(hours=hours))

    sweep()

    assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
