"""The JSON answer of v1 (docs/contract A.3)."""

import orjson

from conversations.dialects.api import sources
from conversations.errors import ParleyError
from conversations.rules.runs import outcomes
from conversations.values.runs import ReplyContext, RunEnded, RunEvent
from conversations.values.tool_calls import required_on_wire
from providers.events import RefusalDelta, TextDelta


class TextCollector:
    """Gathers the words of choice 0, those of a refusal too. The JSON answer has no room for thoughts."""

    def __init__(self, context: ReplyContext) -> None:
        self._id = context.conversation_id
        self._run_id = context.run_id
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
        """Both keys always, also for a turn that nothing stores; more where it was asked with sources, or waits."""
        said = sources.members(self._ended.sourced) if self._ended else {}
        if self._ended and self._ended.required:
            said |= required_on_wire(self._run_id, self._ended.required)
        return orjson.dumps({"id": self._id, "answer": "".join(self._pieces), **said})
