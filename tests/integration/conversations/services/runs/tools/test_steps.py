"""Steps of turns that are not stored: they go once the answer has gone."""

import pytest
from django.db import connection

from conversations.models import Account, Run, RunStep, ToolCall
from conversations.services.runs import finish, readers
from conversations.services.runs.tools import steps
from conversations.values.tool_calls import CallRecord, StepRecord
from tests import builders
from tests.fakes.refused_rows import refusing

pytestmark = pytest.mark.django_db


def unstored_with_step(owner: Account, *, is_read: bool) -> Run:
    claimed = builders.runs.claim(builders.runs.start(owner, is_stored=False))
    assert steps.add(run=claimed, step=StepRecord(1, 1, (), (CallRecord(0, "c", "", "look", "{}"),)))
    assert finish.finish(run=claimed, report=builders.runs.report())
    if is_read:
        readers.erase_unstored(run_ids=[claimed.pk])
    return Run.objects.get(pk=claimed.pk)


def test_steps_of_turns_whose_answers_are_kept_are_looked_at_in_turn(ann: Account) -> None:
    kept = [unstored_with_step(ann, is_read=False) for _ in range(3)]
    unstored_with_step(ann, is_read=True)

    after = steps.forget(most=2)
    assert RunStep.objects.count() == 4
    after = steps.forget(after=after, most=2)

    assert list(RunStep.objects.order_by("run").values_list("run", flat=True)) == [run.pk for run in kept]
    assert steps.forget(after=after, most=2) == 0


def test_steps_that_cannot_be_deleted_keep_no_others(ann: Account) -> None:
    bad, _ = unstored_with_step(ann, is_read=True), unstored_with_step(ann, is_read=True)

    def run_sql(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    with refusing(run_sql, "toolcall", "DELETE", when=f"OLD.run_id = {bad.pk}"):
        steps.forget()

    assert list(RunStep.objects.values_list("run", flat=True)) == [bad.pk]
    assert list(ToolCall.objects.values_list("run", flat=True)) == [bad.pk]
