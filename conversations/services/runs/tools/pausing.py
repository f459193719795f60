"""A run that waits for somebody to agree to calls of tools: it holds no worker, no lease, no place and no money.

Its active row stays, so that nothing else begins in its conversation. What it has said so far is in its row, for
readers who come while it waits; its steps are what it goes on from.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Subquery
from django.db.models.functions import Now

from conversations import errors
from conversations.models import ActiveRun, Conversation, Run, RunAttempt, ToolCall
from conversations.services import conversations
from conversations.services.money import ledger
from conversations.services.runs import cancel, ends, fair_shares, finish, notify, records
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.finish import AttemptReport
from conversations.services.transactions import retry_on_deadlock
from conversations.values.runs import RunStatus
from conversations.values.tool_calls import ToolCallStatus, dump_required
from providers import serialization

# Of one account. Accepting a turn looks at them, and nobody decides about more of them in a week.
MOST = 1_000
TOO_MANY = f"The call was refused: {MOST} runs of the account wait for approvals already."


class PauseOutcome(StrEnum):
    """`not_ours`: the run is no longer this attempt's. `stopped`: somebody asked to stop it. Then nothing has changed.

    `too_many`: as many of its account wait already, so what it would have waited for is refused.
    """

    PAUSED = "paused"
    NOT_OURS = "not_ours"
    STOPPED = "stopped"
    TOO_MANY = "too_many"


@retry_on_deadlock
def pause(*, run: ClaimedRun, report: AttemptReport) -> PauseOutcome:
    """The conversation's other runs are not begun while it waits: the caller ends them (`fail_behind`)."""
    with transaction.atomic():
        conversations.lock_of(account_id=run.account_id, run_id=run.pk)
        active = ends.in_progress(account_id=run.account_id, run_id=run.pk, attempt=run.attempt).first()
        if active is None or active.claimed_at is None:
            return PauseOutcome.NOT_OURS
        if active.cancel_requested_at is not None:
            return PauseOutcome.STOPPED
        if not has_room(account_id=run.account_id):
            _refuse_waiting(run)
            return PauseOutcome.TOO_MANY
        _keep(run, active.claimed_at, report)
        ActiveRun.objects.for_account(run.account_id).filter(pk=run.pk).update(
            status=RunStatus.REQUIRES_ACTION.value,
            worker=None,
            queued_at=Now(),
            woken_at=None,
            claimed_at=None,
            reserved=None if active.reserved is None else 0,
            reserved_calls=0,
        )
        if active.reserved is not None:
            ledger.pause(
                account_id=run.account_id,
                run_id=run.pk,
                attempt=run.attempt,
                held=active.reserved,
                bill=report.bill,
            )
        notify.report_pause(run_id=run.pk)
        fair_shares.wake_held()
    return PauseOutcome.PAUSED


def has_room(*, account_id: int) -> bool:
    """Whether one more run of the account may wait."""
    waiting = ActiveRun.objects.for_account(account_id).filter(status=RunStatus.REQUIRES_ACTION.value)
    return waiting.count() < MOST


def _keep(run: ClaimedRun, claimed_at: datetime, report: AttemptReport) -> None:
    """The attempt, and what it has said: both as if the run had ended."""
    ended = report.ended
    answer = records.dump_answers(
        report.answers,
        report.log_shape,
        have_messages=False,
        call=report.call,
        sourced=ended.sourced,
        kept=report.kept,
        is_stored=run.is_stored,
        cost=ended.cost,
    )
    rows = Run.objects.for_account(run.account_id).filter(pk=run.pk)
    # What was used, as FINISH writes it: the run may end without another attempt.
    own = Conversation.objects.for_account(run.account_id).filter(pk=run.conversation_id or 0)
    rows.filter(preset_text=None).update(preset=Subquery(own.values("preset")), preset_text=run.preset_text)
    rows.update(
        attempt=run.attempt,
        answer={**answer, "required": dump_required(ended.required)},
        usage=serialization.dump_usage(ended.usage) if ended.usage else None,
    )
    RunAttempt.objects.create(
        account_id=run.account_id,
        run_id=run.pk,
        number=run.attempt,
        worker_name=report.worker_name,
        started_at=claimed_at,
        outcome=RunAttempt.Outcome.REQUIRES_ACTION,
        upstream_request_id=report.upstream_request_id,
        upstream_calls=report.upstream_calls,
        usage=serialization.dump_usage(usage) if (usage := report.usage or ended.usage) else None,
        target=report.target,
        moves=[move.as_json() for move in report.moves] or None,
    )


def _refuse_waiting(run: ClaimedRun) -> None:
    calls = ToolCall.objects.for_account(run.account_id).filter(run=run.pk, needs_approval=True)
    calls.filter(status=ToolCallStatus.REQUESTED.value).update(
        status=ToolCallStatus.REFUSED.value, result=TOO_MANY, is_error=True
    )


def fail_behind(*, run: ClaimedRun) -> None:
    """Ends the turns that waited for the conversation when its run began to wait for an approval."""
    if run.conversation_id is None:
        return
    behind = ActiveRun.objects.for_account(run.account_id).filter(
        conversation=run.conversation_id, status=RunStatus.QUEUED.value, pk__gt=run.pk
    )
    error = errors.ConversationBusy(f"The conversation is busy: run {run.public_id} is waiting for an approval.")
    for run_id in behind.order_by("pk").values_list("pk", flat=True):
        finish.fail_queued(account_id=run.account_id, run_id=run_id, error=error)


def expired() -> QuerySet[ActiveRun]:
    """Runs that have waited for an approval longer than APPROVAL_DAYS, the oldest first."""
    since = Now() - timedelta(days=settings.APPROVAL_DAYS)
    waiting = ActiveRun.objects.filter(status=RunStatus.REQUIRES_ACTION.value, queued_at__lt=since)
    return waiting.with_runs().order_by("queued_at")


def expire(active: ActiveRun) -> None:
    """Not one that somebody has decided about meanwhile."""
    cancel.cancel_run(active.run, only=expired())
