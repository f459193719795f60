"""A run's events as the wire bytes of v1: NDJSON lines (docs/contract A.4) and SSE events (A.5).

One event in, at most one write out. The words of choice 0 are written, those of a refusal too, and the thoughts beside
the answer as in v2; tools and usage give no bytes. JSON is written in ASCII (`\\u4f60`): of the forms measured in A.4
only that one survives a charset lost on the way, readers that end lines at U+0085 or U+2028, and readers that decode
each network chunk by itself. It costs six bytes for a Chinese character instead of three.
"""

import json
from abc import ABC, abstractmethod
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, ClassVar

from conversations.dialects.aichat import errors
from conversations.dialects.api import sources
from conversations.rules.runs import outcomes
from conversations.values.runs import ReplyContext, RunEnded, RunEvent
from conversations.values.tool_calls import required_on_wire
from providers.events import ReasoningDelta, RefusalDelta, TextDelta

# `requests.iter_lines` reads this many bytes at a time. Where a read ends between CR and LF it yields an empty line, on
# which clients crash.
READ_BYTES = 512
SSE_DONE = b"data: [DONE]\n\n"
_LINE_BEGINS = b'{"answer": "'
# A line repeats the whole answer: an answer of 16 MB in a thousand lines would be 8 GB for one reader. So beyond
# LARGE_BYTES a line is written only once its new text is a sixteenth of the answer.
LARGE_BYTES = 262_144
NEWS_PART = 16


class _TextStream(ABC):
    """Takes a run's events one by one: thoughts and words of choice 0, then the end."""

    def __init__(self, context: ReplyContext) -> None:
        self.has_text = False
        self.is_over = False
        self._has_thoughts = False
        self._trace_id = context.trace_id
        self._run_id = context.run_id
        self._id = quoted(context.conversation_id)

    def feed(self, item: RunEvent) -> bytes:
        """The bytes to write for this event, in one write; often none."""
        event = item.event
        if self.is_over:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            return self._delta(event.text, item.position) if event.text and not event.choice else b""
        if isinstance(event, ReasoningDelta):
            return self._thought(event.text, item.position) if event.text and not event.choice else b""
        return self._finish(event, item.position) if isinstance(event, RunEnded) else b""

    def restart(self, position: int) -> bytes:
        """Text of another attempt never follows what the reader has seen."""
        return self._finish(outcomes.BEGUN_ANEW, position) if self.has_text or self._has_thoughts else b""

    def skip(self, item: RunEvent) -> None:
        """Takes note of an event whose bytes the reader has already."""
        event = item.event
        if not isinstance(event, TextDelta | RefusalDelta | ReasoningDelta) or not event.text or event.choice:
            return
        if isinstance(event, ReasoningDelta):
            self._has_thoughts = True
        else:
            self._note(event.text)

    def _finish(self, ended: RunEnded, position: int) -> bytes:
        self.is_over = True
        return self._end(ended, position)

    def _said_of(self, ended: RunEnded) -> dict[str, Any]:
        """What the end has besides."""
        required = required_on_wire(self._run_id, ended.required) if ended.required else {}
        return {**sources.members(ended.sourced), **required}

    def _note(self, text: str) -> None:
        self.has_text = True

    @abstractmethod
    def _delta(self, text: str, position: int) -> bytes: ...

    @abstractmethod
    def _thought(self, text: str, position: int) -> bytes: ...

    @abstractmethod
    def _end(self, ended: RunEnded, position: int) -> bytes: ...


class NdjsonStream(_TextStream):
    """Each line has the whole answer so far, and ends in CRLF: old clients split there and parse only the last line."""

    content_type: ClassVar[str] = "application/x-ndjson; charset=utf-8"
    # Readers parse every line, so not even a blank one may stand between two.
    keep_alive: ClassVar[bytes] = b""

    def __init__(self, context: ReplyContext) -> None:
        super().__init__(context)
        self._encoded_id = self._id.encode()
        self._has_line = False
        # All in its wire form: to add a delta costs only the delta, and to write the answer one copy.
        self._answer = bytearray()
        self._new_words = b""
        self._new_thoughts = b""

    def _note(self, text: str) -> None:
        self._grow(text)

    def _grow(self, text: str) -> bytes:
        self.has_text = True
        escaped = _escaped(text)
        self._answer += escaped
        return escaped

    def _delta(self, text: str, position: int) -> bytes:
        self._new_words += self._grow(text)
        return self._line() if self._is_due else b""

    def _thought(self, text: str, position: int) -> bytes:
        self._has_thoughts = True
        self._new_thoughts += _escaped(text)
        return self._line() if self._is_due else b""

    @property
    def _is_due(self) -> bool:
        if len(self._answer) <= LARGE_BYTES or not self._has_line:
            return True
        return (len(self._new_words) + len(self._new_thoughts)) * NEWS_PART >= len(self._answer)

    def _end(self, ended: RunEnded, position: int) -> bytes:
        error = outcomes.failure(ended, has_text=self.has_text)
        if error is not None:
            # In the last line: old readers take the answer so far from it, others the error.
            return self._line(b", " + _members(errors.body(error, trace_id=self._trace_id)))
        has_news = self._new_words or self._new_thoughts or ended.sourced or ended.required
        if not has_news and self._has_line:
            return b""
        said = self._said_of(ended)
        return self._line(b", " + _members(said) if said else b"")

    def _line(self, more: bytes = b"") -> bytes:
        self._has_line = True
        if self._new_thoughts:
            more = b', "thinking": "%b"%b' % (self._new_thoughts, more)
        rest = b'", "delta_answer": "%b", "id": %b%b}' % (self._new_words, self._encoded_id, more)
        self._new_words = self._new_thoughts = b""
        length = len(_LINE_BEGINS) + len(self._answer) + len(rest) + len(b"\r\n")
        return b"".join((_LINE_BEGINS, self._answer, rest, b" \r\n" if length % READ_BYTES == 1 else b"\r\n"))


class SseStream(_TextStream):
    """Events of the delta alone: small, because some readers take each network chunk for whole events.

    `id:` is the position to resume after. It comes before `data: `, the prefix by which old readers know a line.
    """

    content_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    keep_alive: ClassVar[bytes] = b": PING\n\n"

    def _delta(self, text: str, position: int) -> bytes:
        self._note(text)
        return self._event(text, position)

    def _thought(self, text: str, position: int) -> bytes:
        """Beside an empty delta, because older readers add `delta_answer` to what they have."""
        self._has_thoughts = True
        return self._event("", position, b',"thinking":' + quoted(text).encode())

    def _end(self, ended: RunEnded, position: int) -> bytes:
        """`[DONE]` follows an error too: readers of 2024 wait for it, and later ones stop at the error before."""
        error = outcomes.failure(ended, has_text=self.has_text)
        if error is not None:
            return self._event("", position, b"," + _members(errors.body(error, trace_id=self._trace_id))) + SSE_DONE
        if said := self._said_of(ended):
            return self._event("", position, b"," + _members(said)) + SSE_DONE
        if not self.has_text:
            # The caller of an empty answer still needs the conversation's id.
            return self._event("", position) + SSE_DONE
        return b"id: %d\n" % position + SSE_DONE

    def _event(self, delta: str, position: int, more: bytes = b"") -> bytes:
        head = f'id: {position}\ndata: {{"delta_answer":{quoted(delta)},"id":{self._id}'
        return head.encode() + more + b"}\n\n"


def _escaped(text: str) -> bytes:
    """The JSON string without its quotes."""
    return quoted(text)[1:-1].encode()


def _members(body: dict[str, Any]) -> bytes:
    """An object's members without its braces, in ASCII."""
    return json.dumps(body)[1:-1].encode()
