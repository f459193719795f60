"""The steps of a run and their calls, written by the attempt that makes them: before a call begins, and when it ends.

A write of an older attempt changes nothing: each locks the run's active row first, and is refused when that is another
attempt's by now.
"""

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models.functions import Now

from conversations.models import Run, RunStep, ToolCall
from conversations.services import one_by_one
from conversations.services.runs import ends
from conversations.services.runs.claim import ClaimedRun
from conversations.values.context import step_records
from conversations.values.tool_calls import CallEnd, CallRecord, StepRecord, ToolCallStatus
from providers import serialization

RUNNING = ToolCallStatus.RUNNING
# Of steps whose turn is not stored, by one sweep.
LOOKED_THROUGH = 2_000


def add(*, run: ClaimedRun, step: StepRecord) -> bool:
    """Writes a step and its calls, as they are. False when the run is no longer this attempt's."""
    with transaction.atomic():
        if not _is_ours(run):
            return False
        RunStep.objects.create(
            account_id=run.account_id,
            run_id=run.pk,
            number=step.number,
            attempt=step.attempt,
            parts=serialization.dump_parts(step.parts),
            provider_metadata=dict(step.metadata) if step.metadata else None,
            usage=serialization.dump_usage(step.usage) if step.usage else None,
            target=step.target,
            context=step_records.dump(step.context, is_stored=run.is_stored) if step.context is not None else None,
            is_stored=run.is_stored,
        )
        ToolCall.objects.bulk_create(_row(run, step.number, call) for call in step.calls)
    return True


def begin(*, run: ClaimedRun, number: int, indexes: Sequence[int]) -> bool:
    """Calls of an earlier attempt's step that are made now. False when the run is no longer this attempt's."""
    with transaction.atomic():
        if not _is_ours(run):
            return False
        calls = ToolCall.objects.for_account(run.account_id).filter(run=run.pk, step=number, index__in=indexes)
        calls.update(status=RUNNING.value, started_at=Now())
    return True


def end(*, run: ClaimedRun, number: int, ended: Sequence[CallEnd]) -> bool:
    """Calls that are over. False when the run is no longer this attempt's."""
    with transaction.atomic():
        if not _is_ours(run):
            return False
        calls = ToolCall.objects.for_account(run.account_id).filter(run=run.pk, step=number)
        for one in ended:
            calls.filter(index=one.index).update(
                status=one.status.value,
                result=one.outcome.text,
                is_error=one.outcome.is_error,
                http_status=one.outcome.status,
                seconds=one.outcome.seconds,
            )
    return True


def forget(*, after: int = 0, most: int = LOOKED_THROUGH) -> int:
    """Deletes steps of turns that are not stored, once the answer has been erased, of `most` behind the key `after`.

    The last of them, from where the next call goes on; 0 at the end. Tasks and idempotency keys keep an answer for a
    day: so there may be many steps whose turn is not over, and no sweep looks at all of them.
    """
    unstored = RunStep.objects.filter(is_stored=False, pk__gt=after).order_by("pk")
    found = list(unstored.values_list("pk", "run")[:most])
    if found:
        erased = Run.objects.ended().filter(pk__in={run for _, run in found}, request__isnull=True)
        one_by_one.bulk_or_halves("erase_steps", list(erased.values_list("pk", flat=True)), _forget)
    return found[-1][0] if len(found) == most else 0


def _forget(run_ids: Collection[int]) -> None:
    ToolCall.objects.filter(run__in=run_ids).delete()
    RunStep.objects.filter(run__in=run_ids).delete()


def _is_ours(run: ClaimedRun) -> bool:
    mine = ends.in_progress(account_id=run.account_id, run_id=run.pk, attempt=run.attempt)
    return mine.values_list("pk", flat=True).first() is not None


def _row(run: ClaimedRun, number: int, call: CallRecord) -> ToolCall:
    return ToolCall(
        account_id=run.account_id,
        run_id=run.pk,
        step=number,
        index=call.index,
        call_id=call.call_id,
        tool_id=call.tool_id,
        remote_name=call.remote_name,
        name=call.name,
        arguments=call.arguments,
        provider_metadata=dict(call.metadata) if call.metadata else None,
        needs_approval=call.needs_approval,
        status=call.status.value,
        result=call.result,
        is_error=call.is_error,
        started_at=Now() if call.status is RUNNING else None,
    )
