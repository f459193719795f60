"""Lists of runs by status, of an account with many runs: no status reads them all."""

import re
from dataclasses import replace

import pytest
from django.db import connection

from conversations.models import Account, ActiveRun, Run
from conversations.queries import runs as run_queries
from conversations.services.runs import cancel, finish
from conversations.services.runs.tools import pausing
from conversations.services.runs.tools.pausing import PauseOutcome
from conversations.values.runs import Move, RunStatus
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

MANY_COMPLETED = """
INSERT INTO conversations_run (account_id, public_id, channel, trace_id, dialect, model, context_window, finished_at)
SELECT id, 'run_' || n, 'c', gen_random_uuid(), 'aichat', 'echo', 8000, now()
FROM conversations_account, generate_series(1, 20000) AS n WHERE name = 'ann'
"""


@pytest.fixture
def of_status(ann: Account, bob: Account) -> dict[str, Run]:
    """One of each, among many that completed and others of somebody else."""
    for owner in (bob, ann):
        ended = {status: builders.runs.start(owner, conversation_id=status) for status in RunStatus}
        for status in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.INCOMPLETE):
            finish.finish(run=builders.runs.claim(ended[status]), report=builders.runs.report(status=status, code="x"))
        builders.runs.claim(ended[RunStatus.IN_PROGRESS])
        cancel.cancel_run(ended[RunStatus.CANCELLED])
        waiting = ActiveRun.objects.filter(pk=ended[RunStatus.REQUIRES_ACTION].pk)
        waiting.update(status=RunStatus.REQUIRES_ACTION.value, woken_at=None)
    return {status.value: run for status, run in ended.items()}


@pytest.mark.parametrize("status", [status.value for status in RunStatus])
def test_finds_exactly_those_of_a_status(ann: Account, of_status: dict[str, Run], status: str) -> None:
    page = run_queries.page(account_id=ann.pk, conversation_id=None, status=status, cursor=None, limit=10)

    assert [(run.pk, run.status) for run in page.rows] == [(of_status[status].pk, status)]


@pytest.mark.parametrize("status", ["queued", "in_progress", "failed", "cancelled", "incomplete"])
@pytest.mark.parametrize("is_of_all", [True, False], ids=["all accounts", "one account"])
@pytest.mark.usefixtures("of_status")
def test_reads_no_more_runs_than_have_it(ann: Account, status: str, is_of_all: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MANY_COMPLETED)
        cursor.execute("ANALYZE conversations_run, conversations_activerun")
    rows = Run.objects.all() if is_of_all else Run.objects.for_account(ann)

    plan = rows.with_status(status).select_related("active").order_by("-pk")[:20].explain(analyze=True)

    read = re.findall(r"on conversations_run .*actual .*rows=([\d.]+) loops=(\d+)", plan)
    assert read
    assert sum(float(count) * int(loops) for count, loops in read) <= 2
    # Of the six active ones some are left out, for each of two runs.
    assert all(int(count) <= 12 for count in re.findall(r"Rows Removed by [\w ]+: (\d+)", plan))


def test_a_target_that_failed_before_an_approval_may_be_asked_again(ann: Account) -> None:
    run = builders.runs.claim(builders.runs.start(ann, conversation_id="a"))
    failed = (Move("openai / first / m", "unavailable", 500, 0.1),)
    report = replace(builders.runs.report("", status=RunStatus.REQUIRES_ACTION), moves=failed)
    assert pausing.pause(run=run, report=report) is PauseOutcome.PAUSED

    assert run_queries.failed_targets(account_id=ann.pk, run_id=run.pk) == set()
