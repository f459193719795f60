"""Whether the end of a run is an answer or an error to its caller, and what cut it short: the same for every family."""

from enum import StrEnum

from conversations import errors
from conversations.values.runs import RunEnded, RunStatus

# The end of a stream that has shown text of an attempt that was then lost: the new answer does not continue that text.
BEGUN_ANEW = RunEnded(
    RunStatus.FAILED,
    error_code=errors.InternalError.code,
    error_message="The answer was interrupted and begun anew: read the run again from its start.",
)


class IncompleteReason(StrEnum):
    """What ended an `incomplete` run: `balance`, the account's money; `max_cost`, its caller's X-Max-Cost."""

    DEADLINE = "deadline"
    ANSWER_SIZE = "answer_size"
    BALANCE = "balance"
    MAX_COST = "max_cost"


_REASONS = {
    errors.DeadlineExceeded.code: IncompleteReason.DEADLINE,
    errors.AnswerTooLong.code: IncompleteReason.ANSWER_SIZE,
    errors.BalanceUsedUp.code: IncompleteReason.BALANCE,
    errors.CostLimitReached.code: IncompleteReason.MAX_COST,
}


def incomplete_reason(*, status: RunStatus, error_code: str) -> IncompleteReason | None:
    """None for a run that is not incomplete, or was ended by a limit of a newer release."""
    return _REASONS.get(error_code) if status is RunStatus.INCOMPLETE else None


def failure(ended: RunEnded, *, has_text: bool) -> errors.ParleyError | None:
    """The error that the caller gets, or None when what there is counts as the answer.

    A run that its owner or our limits stopped ends normally with the text that it has.
    """
    if ended.status in (RunStatus.COMPLETED, RunStatus.REQUIRES_ACTION):
        return None
    if has_text and ended.status in (RunStatus.CANCELLED, RunStatus.INCOMPLETE):
        return None
    if ended.status is RunStatus.CANCELLED:
        return errors.RunCancelled()
    return errors.from_code(ended.error_code, ended.error_message, ended.error_facts)
