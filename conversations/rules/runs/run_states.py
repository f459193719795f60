"""What becomes of a run when an attempt ends: pure, so that every case is a row of a test.

Text that was shown is never taken back: a run that was ever opened as a stream ends with what it has, one that
only waiters for a whole answer know may begin anew. Retries of the single call, before its first token, are the
provider client's and not decided here.
"""

from dataclasses import dataclass
from enum import StrEnum

from conversations.errors import (
    AnswerTooLong,
    DeadlineExceeded,
    InternalError,
    ParleyError,
    RunCancelled,
    ServiceUnavailable,
)
from conversations.values.runs import RunStatus


class AttemptOutcome(StrEnum):
    """How an attempt ended. `drained`: its worker was told to stop. `worker_lost`: its heartbeat lapsed.

    `deadline`, `too_long`: the answer was ended by our own bounds on time and bytes.
    """

    COMPLETED = "completed"
    ERROR = "error"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    TOO_LONG = "too_long"
    DRAINED = "drained"
    WORKER_LOST = "worker_lost"


@dataclass(frozen=True, slots=True)
class Requeue:
    """Back to `queued`, the log begun anew. `is_counted`: the attempt is one of the run's few."""

    is_counted: bool


@dataclass(frozen=True, slots=True)
class Finish:
    """The terminal state, with the code and message of `conversations.errors` that say why."""

    status: RunStatus
    error_code: str = ""
    error_message: str = ""


def outcome(
    *,
    ending: AttemptOutcome,
    is_published: bool,
    has_text: bool,
    is_streamed: bool,
    attempt: int,
    max_attempts: int,
    error: ParleyError | None = None,
    is_retryable: bool = False,
) -> Requeue | Finish:
    """What becomes of a run whose `attempt` (from 1) ended.

    `is_published`: any token was, visible or not; `has_text`: visible text was. `is_streamed`: the run was ever
    opened as a stream. `error` and `is_retryable` belong to an `ending` by error: ours, and whether the provider's
    is `retryable`.
    """
    if ending is AttemptOutcome.COMPLETED:
        return Finish(RunStatus.COMPLETED)
    if ending is AttemptOutcome.CANCELLED:
        return _finish(RunStatus.CANCELLED, RunCancelled())
    if (bound := _BOUNDS.get(ending)) is not None:
        return _finish(RunStatus.INCOMPLETE if has_text else RunStatus.FAILED, bound())
    is_counted = ending is not AttemptOutcome.DRAINED
    has_attempts = attempt < max_attempts or not is_counted
    can_begin_anew = not (is_published and is_streamed)
    if has_attempts and can_begin_anew and _is_worth_another(ending, is_published, is_retryable):
        return Requeue(is_counted=is_counted)
    return _finish(RunStatus.FAILED, _reason(ending, error))


_BOUNDS: dict[AttemptOutcome, type[ParleyError]] = {
    AttemptOutcome.DEADLINE: DeadlineExceeded,
    AttemptOutcome.TOO_LONG: AnswerTooLong,
}


def _is_worth_another(ending: AttemptOutcome, is_published: bool, is_retryable: bool) -> bool:
    """Our own losses always. An upstream's only after its first token: before it, the client has retried enough."""
    return is_published and is_retryable if ending is AttemptOutcome.ERROR else True


def _reason(ending: AttemptOutcome, error: ParleyError | None) -> ParleyError:
    if ending is AttemptOutcome.DRAINED:
        return ServiceUnavailable("The service was restarted in the middle of the answer; ask again.")
    if ending is AttemptOutcome.WORKER_LOST:
        return InternalError("The answer was interrupted; ask again.")
    return error or InternalError()


def _finish(status: RunStatus, error: ParleyError) -> Finish:
    return Finish(status, error.code, error.message)
