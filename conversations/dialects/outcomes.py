"""How a run's end reads to a caller, whatever the family: an answer, or an error that the family then words."""

from conversations import errors
from conversations.values.runs import RunEnded, RunStatus

# For a reader whose text was lost with its worker and its log: the answer exists, but not as a sequel of that.
BEGUN_ANEW = RunEnded(
    RunStatus.FAILED,
    error_code=errors.InternalError.code,
    error_message="The answer was interrupted and begun anew: read the run again from its start.",
)


def failure(ended: RunEnded, *, has_text: bool) -> errors.ParleyError | None:
    """The error to tell the caller, or None when what there is counts as the answer.

    A run that was stopped, by its owner or by our limits, ends normally with the text it has.
    """
    if ended.status is RunStatus.COMPLETED:
        return None
    if has_text and ended.status in (RunStatus.CANCELLED, RunStatus.INCOMPLETE):
        return None
    if ended.status is RunStatus.CANCELLED:
        return errors.RunCancelled()
    return errors.from_code(ended.error_code, ended.error_message, ended.error_facts)
