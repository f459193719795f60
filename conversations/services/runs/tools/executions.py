"""A call of one tool that a web process makes, with the arguments that a run's model wrote: its row is its claim.

It is committed before the call is made, and nobody makes the call whose row somebody else has written. So a request
that is sent again under its idempotency key calls nothing a second time. The run has ended and is not stored, but the
rows stay as those of a stored turn do: they are the log of what was called for the account.
"""

from django.db import transaction
from django.db.models.functions import Now

from conversations.errors import NotFound
from conversations.models import Run, RunStep, ToolCall
from conversations.services.transactions import retry_on_deadlock
from conversations.values.tool_calls import ToolCallStatus
from conversations.values.tools import ToolDefinition, ToolOutcome

STEP, INDEX = 1, 0


@retry_on_deadlock
def begin(
    *, account_id: int, run_id: str, tool: ToolDefinition, call_id: str, name: str, arguments: str
) -> ToolCall | None:
    """None when the call is this caller's to make; else the row of who has made it, or is making it.

    `run_id` is the run's public id, `name` what its model called. Raises NotFound for a run that is gone.
    """
    with transaction.atomic():
        # The lock orders two requests under one idempotency key.
        runs = Run.objects.for_account(account_id).filter(public_id=run_id).select_for_update(no_key=True)
        run = runs.only("pk", "attempt").first()
        if run is None:
            raise NotFound("run not found")
        made = ToolCall.objects.for_account(account_id).filter(run=run, step=STEP, index=INDEX).first()
        if made is not None:
            return made
        RunStep.objects.create(account_id=account_id, run=run, number=STEP, attempt=run.attempt, parts=[])
        ToolCall.objects.create(
            account_id=account_id,
            run=run,
            step=STEP,
            index=INDEX,
            call_id=call_id,
            tool_id=tool.id,
            remote_name=tool.remote_name,
            name=name,
            arguments=arguments,
            status=ToolCallStatus.RUNNING.value,
            started_at=Now(),
        )
    return None


def made(*, account_id: int, run_id: str) -> ToolCall:
    """The call of the run. Raises NotFound where nobody has begun it."""
    calls = ToolCall.objects.for_account(account_id).filter(run__public_id=run_id, run__account=account_id)
    if (call := calls.filter(step=STEP, index=INDEX).first()) is None:
        raise NotFound("tool not found")
    return call


@retry_on_deadlock
def end(*, account_id: int, run_id: str, outcome: ToolOutcome) -> None:
    """How the call ended that `begin` gave to this caller."""
    calls = ToolCall.objects.for_account(account_id).filter(run__public_id=run_id, run__account=account_id)
    status = ToolCallStatus.FAILED if outcome.is_error else ToolCallStatus.DONE
    calls.filter(step=STEP, index=INDEX).update(
        status=status.value,
        result=outcome.text,
        is_error=outcome.is_error,
        http_status=outcome.status,
        seconds=outcome.seconds,
    )


def outcome_of(call: ToolCall) -> ToolOutcome | None:
    """None while the call is being made. Where its process has died, the sweep ends it (`lost_calls`)."""
    if not ToolCallStatus(call.status).is_over:
        return None
    return ToolOutcome(call.result, is_error=call.is_error, status=call.http_status, seconds=call.seconds or 0.0)
