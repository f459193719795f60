"""Calls of tools whose process died: nobody knows what came of them, and the log says so."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from conversations.models import Account, Run, ToolCall
from conversations.queries.tools import definitions
from conversations.services.runs import finish
from conversations.services.runs.tools import executions, lost_calls, steps
from conversations.services.runs.tools.lost_calls import LOST_AFTER
from conversations.values.tool_calls import UNKNOWN_RESULT, CallRecord, StepRecord, ToolCallStatus
from conversations.values.tools import ToolOutcome
from conversations.views import tool_calls
from tests import builders
from tests.fakes.refused_rows import refusing

pytestmark = pytest.mark.django_db

UNKNOWN, RUNNING = ("unknown", UNKNOWN_RESULT, True), ("running", "", False)


def ended_run(owner: Account) -> Run:
    claimed = builders.runs.claim(builders.runs.start(owner, is_stored=False))
    assert finish.finish(run=claimed, report=builders.runs.report())
    return Run.objects.get(pk=claimed.pk)


def executed(owner: Account, name: str) -> Run:
    """A run whose call a web process has begun."""
    run = ended_run(owner)
    tool = definitions.of_tool(builders.tools.tool(owner, name))
    about = {"call_id": "c", "name": name, "arguments": "{}"}
    assert executions.begin(account_id=owner.pk, run_id=run.public_id, tool=tool, **about) is None
    return run


def began(run: Run, ago: timedelta) -> None:
    ToolCall.objects.filter(run=run).update(started_at=Now() - ago)


def state(run: Run) -> tuple[str, str, bool]:
    call = ToolCall.objects.get(run=run)
    return call.status, call.result, call.is_error


def test_a_call_that_nobody_ends_is_ended_once_its_process_must_have_given_it_up(ann: Account) -> None:
    lost, young = executed(ann, "lost"), executed(ann, "young")
    began(lost, LOST_AFTER + timedelta(seconds=1))
    began(young, LOST_AFTER - timedelta(seconds=30))

    lost_calls.end(most=10)

    assert (state(lost), state(young)) == (UNKNOWN, RUNNING)
    again = executions.outcome_of(executions.made(account_id=ann.pk, run_id=lost.public_id))
    assert again is not None
    assert (again.text, again.is_error) == (UNKNOWN_RESULT, True)


def test_no_web_process_waits_for_a_call_that_counts_as_lost() -> None:
    assert timedelta(seconds=tool_calls.WAIT_SECONDS + tool_calls.SECONDS) < LOST_AFTER / 2


def test_an_end_that_comes_late_is_what_is_known(ann: Account) -> None:
    run = executed(ann, "slow")
    began(run, LOST_AFTER * 2)
    lost_calls.end(most=10)

    executions.end(account_id=ann.pk, run_id=run.public_id, outcome=ToolOutcome("Done."))
    lost_calls.end(most=10)

    assert state(run) == ("done", "Done.", False)


def test_a_call_of_a_run_that_is_active_is_its_workers(ann: Account) -> None:
    claimed = builders.runs.claim(builders.runs.start(ann))
    call = CallRecord(0, "c", "", "look", "{}", status=ToolCallStatus.RUNNING)
    assert steps.add(run=claimed, step=StepRecord(1, 1, (), (call,)))
    run = Run.objects.get(pk=claimed.pk)
    began(run, LOST_AFTER * 2)

    lost_calls.end(most=10)
    assert state(run) == RUNNING
    # As of one that is stopped while its tool works.
    assert finish.finish(run=claimed, report=builders.runs.report())
    lost_calls.end(most=10)

    assert state(run) == UNKNOWN


def test_a_row_that_is_refused_keeps_no_other(ann: Account) -> None:
    bad, good = executed(ann, "bad"), executed(ann, "good")
    for run in (bad, good):
        began(run, LOST_AFTER * 2)

    def run_sql(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    with refusing(run_sql, "toolcall", "UPDATE", when=f"OLD.run_id = {bad.pk}"):
        lost_calls.end(most=10)

    assert (state(bad), state(good)) == (RUNNING, UNKNOWN)
