from typing import ClassVar

import orjson

from conversations.dialects.dialect import Dialect
from conversations.errors import ParleyError
from conversations.rules.runs import outcomes
from conversations.values.runs import Format, ReplyContext, RunEnded, RunEvent
from providers.events import TextDelta
from tests.integration.conversations.dialects.families.toy import NAME, errors


class TextCollector:
    def __init__(self, _context: ReplyContext) -> None:
        self._text = ""
        self._ended: RunEnded | None = None

    def feed(self, item: RunEvent) -> None:
        if isinstance(item.event, TextDelta):
            self._text += item.event.text
        if isinstance(item.event, RunEnded):
            self._ended = item.event

    def restart(self) -> None:
        self._text = ""

    def failure(self) -> ParleyError | None:
        return outcomes.failure(self._ended, has_text=bool(self._text)) if self._ended else None

    def answer(self) -> bytes:
        return orjson.dumps({"toy": self._text})


class EventStream:
    content_type: ClassVar[str] = "text/event-stream"
    keep_alive: ClassVar[bytes] = b""

    def __init__(self, _context: ReplyContext) -> None:
        self.is_over = False

    def feed(self, item: RunEvent) -> bytes:
        if isinstance(item.event, RunEnded):
            self.is_over = True
            return b"data: bye\n\n"
        return b"data: %b\n\n" % item.event.text.encode() if isinstance(item.event, TextDelta) else b""

    def restart(self, _position: int) -> bytes:
        self.is_over = True
        return b"data: again\n\n"

    def skip(self, _item: RunEvent) -> None:
        pass


DIALECT = Dialect(
    name=NAME,
    errors=errors,
    streams={Format.SSE: EventStream},
    collector=TextCollector,
    needs_words=True,
    has_document=True,
)
