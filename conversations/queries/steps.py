"""The steps of runs whose models called tools of ours, and the calls of each."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models.functions import Left

from conversations.models import Run, RunAttempt, RunStep, ToolCall
from conversations.relay import replay
from conversations.values.context import step_records
from conversations.values.context.step_records import KeptSources
from conversations.values.tool_calls import CallRecord, StepRecord, ToolCallStatus
from providers import serialization
from providers.events import StreamEvent
from providers.messages import UsedBeside

# Of a result, what its owner is shown.
RESULT_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class ShownBefore:
    """What readers were shown of a run when it last began to wait, after `attempt`: by position, with that of the end.

    Some go on reading behind that position.
    """

    attempt: int
    events: tuple[StreamEvent, ...]


@dataclass(frozen=True, slots=True)
class PaidBefore:
    """What was paid when a run last began to wait: the steps of the attempts up to `to`, 0 where it never waited.

    `beside`: what no step of these has, since it came to its end beside the last of them.
    """

    to: int = 0
    beside: tuple[UsedBeside, ...] = ()


def of_run(*, account_id: int, run_id: int) -> list[StepRecord]:
    """In order. Raises UnreadableStoredForm for what a later release has written."""
    rows = list(RunStep.objects.for_account(account_id).filter(run=run_id).defer("context").order_by("number"))
    calls: dict[int, list[CallRecord]] = defaultdict(list)
    for call in calls_of(account_id=account_id, run_id=run_id) if rows else ():
        calls[call.step].append(_record(call))
    return [
        StepRecord(
            number=row.number,
            attempt=row.attempt,
            parts=serialization.load_parts(row.parts),
            calls=tuple(calls[row.number]),
            metadata=row.provider_metadata,
            usage=serialization.load_usage(row.usage) if row.usage else None,
            target=row.target,
        )
        for row in rows
    ]


def context_of(*, account_id: int, run_id: int) -> KeptSources | None:
    """What its model was shown, without the words that stand elsewhere. None where it was shown no sources yet."""
    kept = RunStep.objects.for_account(account_id).filter(run=run_id, context__isnull=False)
    record = kept.order_by("-number").values_list("context", flat=True).first()
    return step_records.load(record) if record is not None else None


def shown_of(*, account_id: int, run_id: int) -> ShownBefore | None:
    """None of a run that has not waited for an approval: no reader has an end of it."""
    run = Run.objects.for_account(account_id).filter(pk=run_id, answer__isnull=False).only("answer", "attempt").first()
    if run is None or run.answer is None:
        return None
    events = replay.by_position(run.answer["choices"], call=run.answer.get("call"), log=run.answer["log"])
    return ShownBefore(run.attempt, (*events, replay.NOTHING))


def paid_before(steps: Sequence[StepRecord], *, account_id: int, run_id: int) -> PaidBefore:
    """`steps`: those of the run."""
    paused = RunAttempt.objects.for_account(account_id).filter(run=run_id, outcome=RunAttempt.Outcome.REQUIRES_ACTION)
    rows = list(paused.values_list("number", "usage"))
    if not rows:
        return PaidBefore()
    to = max(number for number, _ in rows)
    used = Counter(one for _, usage in rows if usage for one in serialization.load_usage(usage).beside)
    used -= Counter(one for step in steps if step.usage and step.attempt <= to for one in step.usage.beside)
    return PaidBefore(to, tuple(used.elements()))


def calls_of(*, account_id: int, run_id: int) -> list[ToolCall]:
    """In the order in which the model made them."""
    return list(ToolCall.objects.for_account(account_id).filter(run=run_id).order_by("step", "index"))


def shown_calls(*, account_id: int, run_id: int) -> list[ToolCall]:
    """As `calls_of`; none of a conversation that was deleted."""
    calls = ToolCall.objects.for_account(account_id).filter(run=run_id)
    shown = calls.exclude(run__conversation__deleted_at__isnull=False).annotate(beginning=Left("result", RESULT_CHARS))
    return list(shown.defer("result", "provider_metadata").order_by("step", "index"))


def _record(row: ToolCall) -> CallRecord:
    return CallRecord(
        index=row.index,
        call_id=row.call_id,
        tool_id=row.tool_id,
        remote_name=row.remote_name,
        name=row.name,
        arguments=row.arguments,
        status=ToolCallStatus(row.status),
        result=row.result,
        is_error=row.is_error,
        http_status=row.http_status,
        seconds=row.seconds,
        needs_approval=row.needs_approval,
        metadata=row.provider_metadata,
    )
