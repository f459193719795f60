"""A run's events as server-sent events (docs/contract D.6): the form is ours, since no source shows the vendor's.

One event in, at most one write out. Each event has the new text alone; the last has `source` and `usage` besides, and
`[DONE]` follows it. JSON is written in ASCII, for the reasons that docs/contract A.4 measures.
"""

import json
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, ClassVar

from conversations.dialects.yuju import errors
from conversations.dialects.yuju.chat import members
from conversations.rules.runs import outcomes
from conversations.values.runs import ReplyContext, RunEnded, RunEvent
from providers.events import ReasoningDelta, RefusalDelta, TextDelta

DONE = b"data: [DONE]\n\n"


class DeltaStream:
    """`id:` is the position to resume after. Thoughts of the model stand in `thinking`, beside an empty text."""

    content_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    keep_alive: ClassVar[bytes] = b": PING\n\n"

    def __init__(self, context: ReplyContext) -> None:
        self.is_over = False
        self._context = context
        self._has_text = False
        self._has_thoughts = False
        self._head = _members(members.head(context))

    def feed(self, item: RunEvent) -> bytes:
        """The bytes to write for this event; often none."""
        event = item.event
        if self.is_over:
            return b""
        if isinstance(event, RunEnded):
            return self._end(event, item.position)
        if not self._note(event):
            return b""
        if isinstance(event, ReasoningDelta):
            return self._event("", item.position, f',"thinking":{quoted(event.text)}')
        return self._event(event.text, item.position)  # type: ignore[union-attr]

    def restart(self, position: int) -> bytes:
        """Text of another attempt never follows what the reader has seen."""
        return self._end(outcomes.BEGUN_ANEW, position) if self._has_text or self._has_thoughts else b""

    def skip(self, item: RunEvent) -> None:
        """Takes note of an event whose bytes the reader has already."""
        self._note(item.event)

    def _note(self, event: object) -> bool:
        """Whether the event is shown: the words and thoughts of choice 0."""
        if not isinstance(event, TextDelta | RefusalDelta | ReasoningDelta) or not event.text or event.choice:
            return False
        if isinstance(event, ReasoningDelta):
            self._has_thoughts = True
        else:
            self._has_text = True
        return True

    def _end(self, ended: RunEnded, position: int) -> bytes:
        """An error is the envelope that it would have been as a response: the status of a stream is 200 already."""
        self.is_over = True
        error = outcomes.failure(ended, has_text=self._has_text)
        if error is not None:
            body = json.dumps(errors.body(error, trace_id=self._context.trace_id), separators=(",", ":"))
            return f"id: {position}\ndata: {body}\n\n".encode() + DONE
        return self._event("", position, f",{_members(members.end(self._context, ended))}") + DONE

    def _event(self, text: str, position: int, more: str = "") -> bytes:
        said = quoted(text)
        return f'id: {position}\ndata: {{"desc":{said},"content":{said},{self._head}{more}}}\n\n'.encode()


def _members(body: dict[str, Any]) -> str:
    """An object's members without its braces, in ASCII."""
    return json.dumps(body, separators=(",", ":"))[1:-1]
