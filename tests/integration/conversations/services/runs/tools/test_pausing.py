"""Runs that wait for an approval: what they hold, what waits behind them, and how long."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings

from conversations import errors
from conversations.models import Account, ActiveRun, Run, RunAttempt, RunStep, ToolCall
from conversations.services.runs import finish, readers
from conversations.services.runs.claim import ClaimedRun, ClaimOutcome
from conversations.services.runs.tools import approvals, pausing, steps
from conversations.services.runs.tools.approvals import Decision
from conversations.services.runs.tools.pausing import PauseOutcome
from conversations.values.runs import RunStatus
from conversations.values.tool_calls import CallRecord, StepRecord, ToolCallStatus
from conversations.workers import sweep
from conversations.workers.runs import queued
from providers.messages import TextPart
from tests import builders

pytestmark = pytest.mark.django_db

APPROVE, REFUSE = Decision(is_approved=True), Decision(is_approved=False)


def waiting(owner: Account, **more: Any) -> ClaimedRun:
    """A claimed run with a call that has to be approved."""
    run = builders.runs.claim(builders.runs.start(owner, **more))
    call = CallRecord(0, "call_1", "tool_1", "send", "{}", needs_approval=True)
    assert steps.add(run=run, step=StepRecord(1, 1, (TextPart("May I?"),), (call,)))
    return run


def paused(owner: Account, **more: Any) -> ClaimedRun:
    run = waiting(owner, **more)
    report = builders.runs.report("May I?", status=RunStatus.REQUIRES_ACTION)
    assert pausing.pause(run=run, report=report) is PauseOutcome.PAUSED
    return run


def test_holds_no_worker_and_has_its_text_in_its_row(ann: Account) -> None:
    run = paused(ann, conversation_id="a")

    active = ActiveRun.objects.get(pk=run.pk)
    assert (active.status, active.worker_id, active.claimed_at) == ("requires_action", None, None)
    row = Run.objects.select_related("active").get(pk=run.pk)
    assert (row.status, row.finished_at) == (RunStatus.REQUIRES_ACTION, None)
    assert RunAttempt.objects.get(run=run.pk).outcome == "requires_action"


def test_a_new_turn_is_refused_and_names_the_run(ann: Account) -> None:
    run = paused(ann, conversation_id="a")

    with pytest.raises(errors.ConversationBusy) as refused:
        builders.runs.start(ann, "Next", conversation_id="a")

    assert refused.value.details["run_id"] == run.public_id
    assert Run.objects.count() == 1


def test_what_waits_behind_it_is_never_claimed_and_ends_as_busy(ann: Account) -> None:
    first = waiting(ann, conversation_id="a")
    behind = builders.runs.start(ann, "Next", conversation_id="a")
    report = builders.runs.report("May I?", status=RunStatus.REQUIRES_ACTION)
    assert pausing.pause(run=first, report=report) is PauseOutcome.PAUSED

    assert builders.runs.try_claim(behind) is ClaimOutcome.NOT_NEXT
    pausing.fail_behind(run=first)

    behind.refresh_from_db()
    assert (behind.ended_as, behind.error_code) == ("failed", "conversation_busy")
    assert ActiveRun.objects.get().pk == first.pk


def test_neither_times_out_nor_is_woken_as_if_it_waited_for_a_worker(ann: Account) -> None:
    run = paused(ann, conversation_id="a")
    ActiveRun.objects.update(queued_at=Now() - timedelta(days=1))

    assert list(queued.timed_out()) == []
    assert queued.lost_wake_ups([]) == []
    assert builders.runs.try_claim(Run.objects.get(pk=run.pk)) is not ClaimOutcome.HELD
    assert ActiveRun.objects.get().status == "requires_action"


def test_is_cancelled_when_it_has_waited_for_too_long(ann: Account, settings: Settings) -> None:
    old, new = paused(ann, conversation_id="a"), paused(ann, conversation_id="b")
    since = timedelta(days=settings.APPROVAL_DAYS)
    ActiveRun.objects.filter(pk=old.pk).update(queued_at=F("queued_at") - since)

    sweep.sweep()

    assert Run.objects.get(pk=old.pk).ended_as == "cancelled"
    assert list(ActiveRun.objects.values_list("pk", flat=True)) == [new.pk]


def test_an_account_has_so_many_of_them_and_no_more(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pausing, "MOST", 1)
    paused(ann, conversation_id="a")
    run = waiting(ann, conversation_id="b")

    outcome = pausing.pause(run=run, report=builders.runs.report("", status=RunStatus.REQUIRES_ACTION))

    assert outcome is PauseOutcome.TOO_MANY
    assert ToolCall.objects.get(run=run.pk).status == "refused"
    assert ActiveRun.objects.get(pk=run.pk).status == "in_progress"


def test_an_older_attempt_cannot_pause_nor_write_steps(ann: Account) -> None:
    run = waiting(ann, conversation_id="a")
    older = replace(run, attempt=0)

    assert pausing.pause(run=older, report=builders.runs.report()) is PauseOutcome.NOT_OURS
    assert steps.add(run=older, step=StepRecord(2, 0, (), ())) is False
    assert steps.begin(run=older, number=1, indexes=[0]) is False
    assert RunStep.objects.count() == 1
    assert ToolCall.objects.get().status == "requested"


def test_goes_on_once_every_call_is_decided_about(ann: Account) -> None:
    run = builders.runs.claim(builders.runs.start(ann, conversation_id="a"))
    called = tuple(CallRecord(n, f"call_{n}", "tool_1", "send", "{}", needs_approval=True) for n in range(2))
    assert steps.add(run=run, step=StepRecord(1, 1, (), called))
    report = builders.runs.report("", status=RunStatus.REQUIRES_ACTION)
    assert pausing.pause(run=run, report=report) is PauseOutcome.PAUSED

    first = approvals.decide(
        account_id=ann.pk, public_id=run.public_id, decision=replace(APPROVE, call_ids=("call_0",))
    )
    second = approvals.decide(
        account_id=ann.pk, public_id=run.public_id, decision=replace(REFUSE, call_ids=("call_1",), reason="No")
    )

    assert (first.status, second.status) == (RunStatus.REQUIRES_ACTION, RunStatus.QUEUED)
    found = list(ToolCall.objects.order_by("index").values_list("status", "result"))
    assert found == [("approved", ""), ("refused", "The call was refused by the user. Reason: No")]
    again = builders.runs.claim(Run.objects.get(pk=run.pk))
    assert again.attempt == 2


@pytest.mark.parametrize("decision", [APPROVE, REFUSE], ids=["approve", "refuse"])
def test_a_run_that_does_not_wait_cannot_be_decided_about(ann: Account, decision: Decision) -> None:
    run = builders.runs.answered(ann, conversation_id="a")

    with pytest.raises(errors.NotWaiting):
        approvals.decide(account_id=ann.pk, public_id=run.public_id, decision=decision)


def test_another_account_finds_nothing_to_decide_about(ann: Account, bob: Account) -> None:
    run = paused(ann, conversation_id="a")

    with pytest.raises(errors.NotFound):
        approvals.decide(account_id=bob.pk, public_id=run.public_id, decision=APPROVE)

    assert ToolCall.objects.get().status == "requested"


def test_an_id_that_is_no_call_of_it_is_refused(ann: Account) -> None:
    run = paused(ann, conversation_id="a")

    with pytest.raises(errors.InvalidRequest):
        approvals.decide(account_id=ann.pk, public_id=run.public_id, decision=replace(APPROVE, call_ids=("other",)))

    assert ActiveRun.objects.get().status == "requires_action"


def test_the_steps_of_a_turn_that_is_not_stored_go_with_its_answer(ann: Account) -> None:
    run = builders.runs.claim(builders.runs.start(ann, is_stored=False))
    call = CallRecord(0, "call_1", "tool_1", "send", "{}", ToolCallStatus.RUNNING)
    assert steps.add(run=run, step=StepRecord(1, 1, (), (call,)))
    assert finish.finish(run=run, report=builders.runs.report())

    sweep.sweep()
    assert ToolCall.objects.count() == 1
    readers.erase_unstored(run_ids=[run.pk])
    sweep.sweep()

    assert (RunStep.objects.count(), ToolCall.objects.count()) == (0, 0)


def test_one_that_was_decided_about_at_the_last_moment_is_not_cancelled(ann: Account, settings: Settings) -> None:
    run = paused(ann, conversation_id="a")
    ActiveRun.objects.update(queued_at=F("queued_at") - timedelta(days=settings.APPROVAL_DAYS))
    (late,) = pausing.expired()
    approvals.decide(account_id=ann.pk, public_id=run.public_id, decision=APPROVE)

    pausing.expire(late)

    assert ActiveRun.objects.get().status == "queued"
    assert Run.objects.get(pk=run.pk).ended_as == ""


@pytest.mark.parametrize(("decision", "status"), [(APPROVE, "approved"), (REFUSE, "refused")])
def test_an_id_that_an_earlier_step_had_too_is_of_the_call_that_waits(
    ann: Account, decision: Decision, status: str
) -> None:
    run = builders.runs.claim(builders.runs.start(ann, conversation_id="a"))
    call = CallRecord(0, "call_0", "tool_1", "send", "{}", ToolCallStatus.DONE, "sent", needs_approval=True)
    assert steps.add(run=run, step=StepRecord(1, 1, (), (call,)))
    assert steps.add(run=run, step=StepRecord(2, 1, (), (replace(call, status=ToolCallStatus.REQUESTED),)))
    report = builders.runs.report("", status=RunStatus.REQUIRES_ACTION)
    assert pausing.pause(run=run, report=report) is PauseOutcome.PAUSED

    decided = approvals.decide(
        account_id=ann.pk, public_id=run.public_id, decision=replace(decision, call_ids=("call_0",))
    )

    assert decided.status == RunStatus.QUEUED
    assert list(ToolCall.objects.order_by("step").values_list("status", flat=True)) == ["done", status]
