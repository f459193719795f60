"""What becomes of a run when one of its attempts ends. Pure, so that every case is a row of a test.

Text that a reader may have seen is never taken back: a run that was opened as a stream ends with the text it has. A run
that only callers waiting for the whole answer know may start again. Retries of a single call before its first token
are the provider client's business and not decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from conversations.errors import (
    AnswerTooLong,
    BalanceUsedUp,
    CostLimitReached,
    DeadlineExceeded,
    InternalError,
    ParleyError,
    RunCancelled,
    ServiceUnavailable,
)
from conversations.values.runs import RunStatus


class AttemptOutcome(StrEnum):
    """How an attempt ended. `drained`: its worker is shutting down. `worker_lost`: its worker's lease lapsed.

    `deadline`, `too_long`: our own limits on time and bytes ended the answer. `out_of_balance`, `cost_limit`: the
    account's balance did, or its caller's limit. `paused`: somebody has to agree to what the model wants to do; what
    becomes of the run then is not decided here (`services/runs/tools/pausing.py`).
    """

    COMPLETED = "completed"
    ERROR = "error"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    TOO_LONG = "too_long"
    OUT_OF_BALANCE = "out_of_balance"
    COST_LIMIT = "cost_limit"
    DRAINED = "drained"
    WORKER_LOST = "worker_lost"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """`error` and `is_retryable` belong to the outcome `error`: our error, and the provider's `retryable`."""

    outcome: AttemptOutcome
    error: ParleyError | None = None
    is_retryable: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The terminal state, with what `conversations.errors` says of the reason: its code, message and facts."""

    status: RunStatus
    error_code: str = ""
    error_message: str = ""
    error_facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Requeue:
    """Back to `queued`, with a new log. `is_lost`: the attempt counts among those that the run may lose.

    `if_streamed` is how the run ends instead when somebody has opened it as a stream since it was claimed, and may have
    seen text of this attempt. None when nothing was published.
    """

    is_lost: bool
    if_streamed: Finish | None = None


CANCELLED = Finish(RunStatus.CANCELLED, RunCancelled.code, RunCancelled.default_message)

_LIMIT_ERRORS: dict[AttemptOutcome, type[ParleyError]] = {
    AttemptOutcome.DEADLINE: DeadlineExceeded,
    AttemptOutcome.TOO_LONG: AnswerTooLong,
    AttemptOutcome.OUT_OF_BALANCE: BalanceUsedUp,
    AttemptOutcome.COST_LIMIT: CostLimitReached,
}
# What was thought or called until the money was used up is paid for also where no word came of it. As failed runs they
# would be free, and could be asked for again and again.
_PAID_WITHOUT_TEXT = (AttemptOutcome.OUT_OF_BALANCE, AttemptOutcome.COST_LIMIT)


def decide(
    end: AttemptEnd, *, is_published: bool, has_text: bool, is_streamed: bool, attempt: int, max_attempts: int
) -> Requeue | Finish:
    """What becomes of a run whose `attempt` (counted from 1) ended.

    `is_published`: any token was published, visible or not. `has_text`: visible text came. `is_streamed`: the run was
    opened as a stream at least once.
    """
    if end.outcome is AttemptOutcome.COMPLETED:
        return Finish(RunStatus.COMPLETED)
    if end.outcome is AttemptOutcome.CANCELLED:
        return CANCELLED
    if (limit_error := _LIMIT_ERRORS.get(end.outcome)) is not None:
        is_kept = has_text or end.outcome in _PAID_WITHOUT_TEXT
        return _finish(RunStatus.INCOMPLETE if is_kept else RunStatus.FAILED, limit_error())
    failed = _finish(RunStatus.FAILED, _reason(end))
    is_lost = end.outcome is not AttemptOutcome.DRAINED
    has_attempts_left = attempt < max_attempts or not is_lost
    may_restart = not (is_published and is_streamed)
    if has_attempts_left and may_restart and _is_worth_another(end, is_published=is_published):
        return Requeue(is_lost=is_lost, if_streamed=failed if is_published else None)
    return failed


def _is_worth_another(end: AttemptEnd, *, is_published: bool) -> bool:
    """Always when the fault is ours. When it is the upstream's, only after its first token.

    Before that token the provider client has made its own retries already.
    """
    return is_published and end.is_retryable if end.outcome is AttemptOutcome.ERROR else True


def _reason(end: AttemptEnd) -> ParleyError:
    if end.outcome is AttemptOutcome.DRAINED:
        return ServiceUnavailable("The service was restarted in the middle of the answer; ask again.")
    if end.outcome is AttemptOutcome.WORKER_LOST:
        return InternalError("The answer was interrupted; ask again.")
    return end.error or InternalError()


def _finish(status: RunStatus, error: ParleyError) -> Finish:
    return Finish(status, error.code, error.message, error.facts)
