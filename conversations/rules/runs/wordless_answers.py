"""An answer without a word is a failure for the families whose answer is a text: never a success with nothing in it."""

from conversations.errors import ContentFiltered, ParleyError, UpstreamFailed
from providers import finish_reasons
from providers.assembly import Answer
from providers.messages import ReasoningPart


def failure(answer: Answer, *, needs_words: bool) -> ParleyError | None:
    """The error that a finished answer counts as, or None when it is an answer. `needs_words`: see `dialects.dialect`.

    Tool calls count as content although `/aichat` shows none; thoughts alone do not.
    """
    if not needs_words or any(not isinstance(part, ReasoningPart) for part in answer.parts):
        return None
    if finish_reasons.normal(answer.finish_reason or "") == finish_reasons.CONTENT_FILTER:
        return ContentFiltered()
    return UpstreamFailed("The model ended its answer without a word.")
