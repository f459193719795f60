"""Gathers the words of a run for an answer in one piece, where a family answers with one text."""

from abc import ABC, abstractmethod

from conversations.errors import ParleyError
from conversations.rules.runs import outcomes
from conversations.values.runs import ReplyContext, RunEnded, RunEvent
from providers.events import RefusalDelta, TextDelta


class TextCollector(ABC):
    """The words of choice 0, those of a refusal too. Such an answer has no room for thoughts."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._ended: RunEnded | None = None
        self._pieces: list[str] = []

    @property
    def _text(self) -> str:
        return "".join(self._pieces)

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

    @abstractmethod
    def answer(self) -> bytes: ...
