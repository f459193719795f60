"""Somebody agrees to calls of tools, or refuses them, and the run that waited for it goes on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from conversations import broker, errors
from conversations.models import ActiveRun, Run, ToolCall
from conversations.models.runs.steps import REASON_MAX_CHARS
from conversations.queries import runs as run_queries
from conversations.services import conversations
from conversations.services.money import ledger, reservations
from conversations.services.runs import ends
from conversations.services.transactions import retry_on_deadlock
from conversations.values.runs import RunStatus
from conversations.values.tool_calls import ToolCallStatus

REQUESTED, APPROVED, REFUSED = ToolCallStatus.REQUESTED, ToolCallStatus.APPROVED, ToolCallStatus.REFUSED
REFUSAL = "The call was refused by the user."


@dataclass(frozen=True, slots=True)
class Decision:
    """About the calls of these ids, None for all that wait. `reason` is told to the model of a refused call."""

    is_approved: bool
    call_ids: Collection[str] | None = None
    reason: str = ""


def decide(*, account_id: int, public_id: str, decision: Decision) -> Run:
    """The run goes on once nothing of it waits any more. Saying the same again changes nothing.

    Raises NotFound, InvalidRequest for an id that is none of its calls, NotWaiting, and the errors of a balance that
    does not suffice: then it still waits.
    """
    run = run_queries.for_account(account_id=account_id, run_id=public_id)
    _decide(run, decision)
    return run_queries.for_account(account_id=account_id, run_id=public_id)


@retry_on_deadlock
def _decide(run: Run, decision: Decision) -> None:
    with transaction.atomic():
        conversations.lock_of(account_id=run.account_id, run_id=run.pk)
        active = ends.without_worker(account_id=run.account_id, run_id=run.pk).first()
        asked = _calls(run, decision.call_ids)
        if active is None or active.status != RunStatus.REQUIRES_ACTION.value:
            if not _is_said_again(asked, decision):
                raise errors.NotWaiting
            return
        _note(run, [call for call in asked if call.status == REQUESTED.value], decision)
        if any(call.status != _status(decision).value for call in asked if call.status != REQUESTED.value):
            raise errors.NotWaiting("A call that was decided about cannot be decided otherwise.")
        if not _waiting(run).exists():
            _go_on(run, active)


def _calls(run: Run, call_ids: Collection[str] | None) -> list[ToolCall]:
    """Those that are decided about, without their texts. Raises InvalidRequest."""
    calls = ToolCall.objects.for_account(run.account_id).filter(run=run.pk, needs_approval=True)
    found = list(calls.only("call_id", "status", "step", "index").order_by("step", "index"))
    if call_ids is None:
        newest = max((call.step for call in found), default=0)
        return [call for call in found if call.status == REQUESTED.value] or [c for c in found if c.step == newest]
    # Some vendors begin their ids anew with every answer.
    newest_of = {call.call_id: call for call in found}
    if unknown := set(call_ids) - newest_of.keys():
        raise errors.InvalidRequest(f"call_ids: no call {min(unknown)[:50]!r} waits for an approval", param="call_ids")
    return [call for call in found if call.call_id in call_ids and call is newest_of[call.call_id]]


def _is_said_again(asked: Sequence[ToolCall], decision: Decision) -> bool:
    """An approved call may be over by now."""
    decided = [call for call in asked if call.status != REQUESTED.value]
    if not asked or len(decided) < len(asked):
        return False
    return all((call.status == REFUSED.value) != decision.is_approved for call in decided)


def _status(decision: Decision) -> ToolCallStatus:
    return APPROVED if decision.is_approved else REFUSED


def _note(run: Run, calls: Sequence[ToolCall], decision: Decision) -> None:
    rows = ToolCall.objects.for_account(run.account_id).filter(pk__in=[call.pk for call in calls])
    if decision.is_approved:
        rows.update(status=APPROVED.value)
        return
    reason = decision.reason.strip()[:REASON_MAX_CHARS]
    rows.update(status=REFUSED.value, is_error=True, result=f"{REFUSAL} Reason: {reason}" if reason else REFUSAL)


def _waiting(run: Run) -> QuerySet[ToolCall]:
    calls = ToolCall.objects.for_account(run.account_id).filter(run=run.pk, needs_approval=True)
    return calls.filter(status=REQUESTED.value)


def _go_on(run: Run, active: ActiveRun) -> None:
    """Raises BalanceUsedUp and ModelNotPriced, and ServiceUnavailable when no price can be read."""
    reserved = active.reserved
    if active.reserved is not None and active.markup_percent is not None:
        reserved = reservations.for_paused(run, markup_percent=active.markup_percent, max_cost=active.max_cost)
        if not ledger.reserve(account_id=run.account_id, run_id=run.pk, wanted=reserved):
            raise errors.BalanceUsedUp
    ActiveRun.objects.for_account(run.account_id).filter(pk=run.pk).update(
        status=RunStatus.QUEUED.value,
        # Its readers have had their end. Who reads it from now on reads it from its start.
        is_streamed=False,
        reserved=reserved,
        queued_at=Now(),
        woken_at=Now(),
    )
    broker.wake_run(account_id=run.account_id, run_id=run.pk)
