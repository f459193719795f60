"""What a receipt says of a run whose last attempt asked no model."""

from dataclasses import replace

import pytest

from conversations.models import Account, Run
from conversations.queries.receipts import ended
from conversations.queries.receipts.assemble import Asked
from conversations.services.runs import finish
from conversations.services.runs.claim import ClaimedRun
from conversations.values.runs import RunStatus
from tests import builders

pytestmark = pytest.mark.django_db


def fail(run: ClaimedRun) -> None:
    """Before any model is asked."""
    report = replace(builders.runs.report("", status=RunStatus.FAILED, code="model_not_found"), upstream_calls=0)
    assert finish.finish(run=run, report=report)


def notes_of(run: Run) -> dict[str, str]:
    found = ended.of_run(account_id=run.account_id, run_id=run.public_id, asked=Asked(limit=10), is_operator=False)
    return dict(found.notes)


def test_a_run_that_failed_at_once_has_asked_nobody(ann: Account) -> None:
    run = builders.runs.start(ann)
    fail(builders.runs.claim(run))

    assert notes_of(run) == {"receipt": "not_asked"}


def test_what_a_lost_attempt_has_sent_is_not_known(ann: Account) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)
    assert builders.runs.requeue(run)

    fail(builders.runs.claim(run))

    assert notes_of(run) == {"receipt": "lost"}
