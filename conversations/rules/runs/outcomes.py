"""Whether the end of a run is an answer or an error to its caller: the same for every family."""

from conversations import errors
from conversations.values.runs import RunEnded, RunStatus

# The end of a stream that has shown text of an attempt that was then lost: the new answer does not continue that text.
BEGUN_ANEW = RunEnded(
    RunStatus.FAILED,
    error_code=errors.InternalError.code,
    error_message="The answer was interrupted and begun anew: read the run again from its start.",
)


def failure(ended: RunEnded, *, has_text: bool) -> errors.ParleyError | None:
    """The error that the caller gets, or None when what there is counts as the answer.

    A run that its owner or our limits stopped ends normally with the text that it has.
    """
    if ended.status is RunStatus.COMPLETED:
        return None
    if has_text and ended.status in (RunStatus.CANCELLED, RunStatus.INCOMPLETE):
        return None
    if ended.status is RunStatus.CANCELLED:
        return errors.RunCancelled()
    return errors.from_code(ended.error_code, ended.error_message, ended.error_facts)
