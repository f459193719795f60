"""What an answer without a word means to the families whose answer is a text: never a success with nothing in it."""

from conversations.errors import ContentFiltered, ParleyError, UpstreamFailed
from conversations.values.requests import Dialect
from providers import finish_reasons
from providers.assembly import Answer
from providers.messages import ReasoningPart


def failure(answer: Answer, *, dialect: Dialect) -> ParleyError | None:
    """The error that a finished answer is, or None when it is one to answer with.

    Tool calls are content though `/aichat` shows none, and thoughts alone are not. The OpenAI family has a
    `finish_reason` for whatever ends an answer, so there nothing is hidden.
    """
    if dialect is Dialect.OPENAI or any(not isinstance(part, ReasoningPart) for part in answer.parts):
        return None
    if finish_reasons.normal(answer.finish_reason or "") == finish_reasons.CONTENT_FILTER:
        return ContentFiltered()
    return UpstreamFailed("The model ended its answer without a word.")
