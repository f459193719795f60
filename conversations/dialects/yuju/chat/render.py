"""The JSON answer: a bare object, without the envelope of the siblings (docs/contract D.3)."""

import orjson

from conversations.dialects.yuju.chat import members
from conversations.errors import ParleyError
from conversations.rules.runs import outcomes
from conversations.values.runs import ReplyContext, RunEnded, RunEvent, RunStatus
from providers.events import RefusalDelta, TextDelta

NOT_ENDED = RunEnded(RunStatus.COMPLETED)


class TextCollector:
    """Gathers the words of choice 0, those of a refusal too."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._ended: RunEnded | None = None
        self._pieces: list[str] = []

    def feed(self, item: RunEvent) -> None:
        event = item.event
        if isinstance(event, RunEnded):
            self._ended = event
        elif isinstance(event, TextDelta | RefusalDelta) and event.text and not event.choice:
            self._pieces.append(event.text)

    def restart(self) -> None:
        self._pieces.clear()

    def failure(self) -> ParleyError | None:
        """The error to answer with instead, once the run has ended."""
        return outcomes.failure(self._ended, has_text=bool(self._pieces)) if self._ended else None

    def answer(self) -> bytes:
        """`content` is the same text as `desc`, for the client that looks for the first `content` (docs/contract D.3):
        so no member before it may hold one.
        """
        text = "".join(self._pieces)
        head, end = members.head(self._context), members.end(self._context, self._ended or NOT_ENDED)
        return orjson.dumps({"desc": text, "content": text, **head, **end})
