"""A run's events as the wire bytes of v1: NDJSON lines (docs/contract A.4) and SSE events (A.5).

One event in, at most one write out. Of choice 0 the words are shown, those of a refusal too, and beside the answer the
thoughts, as in v2; tools and usage give no bytes. JSON is written in ASCII (`\\u4f60`): of the forms measured in A.4 it
alone survives a charset lost on the way, readers that end lines at U+0085 or U+2028, and readers that decode each
network chunk by itself. The price is six bytes for a Chinese character instead of three.
"""

import json
from abc import ABC, abstractmethod
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, ClassVar

from conversations.dialects import outcomes
from conversations.dialects.aichat import errors
from conversations.errors import ParleyError
from conversations.values.runs import RunEnded, RunEvent
from providers.events import ReasoningDelta, RefusalDelta, TextDelta

# `requests.iter_lines` reads this many bytes at a time; where a read ends between CR and LF, it makes up an empty
# line on which clients crash.
READ_BYTES = 512
SSE_DONE = b"data: [DONE]\n\n"
_LINE_BEGINS = b'{"answer": "'
# A line repeats the whole answer: one of 16 MB in a thousand lines would be 8 GB for one reader. So beyond so many
# bytes a line waits until its news are a part of the answer.
LARGE_BYTES = 262_144
NEWS_PART = 16


class _VisibleText(ABC):
    """What a v1 caller sees of a run, event by event: thoughts and words of choice 0, then the end.

    An attempt newer than the last begins the text anew; an older one no longer counts.
    """

    def __init__(self) -> None:
        self.has_text = False
        self.is_over = False
        self._has_thoughts = False
        self._attempt = 0

    def feed(self, item: RunEvent) -> bytes:
        """What to write for this event, in one write; often nothing."""
        event = item.event
        if self.is_over:
            return b""
        if self._would_splice(item):
            return self._finish(outcomes.BEGUN_ANEW, item.position)
        if isinstance(event, TextDelta | RefusalDelta):
            return self._delta(event.text, item.position) if self._takes(event, item.attempt) else b""
        if isinstance(event, ReasoningDelta):
            return self._thought(event.text, item.position) if self._takes(event, item.attempt) else b""
        if isinstance(event, RunEnded) and self._is_current(item.attempt):
            return self._finish(event, item.position)
        return b""

    def _would_splice(self, item: RunEvent) -> bool:
        """Whether text of another attempt would follow text that the reader has. Only a whole answer may start over."""
        return False

    def _finish(self, ended: RunEnded, position: int) -> bytes:
        self.is_over = True
        return self._end(ended, position)

    def skip(self, item: RunEvent) -> None:
        """Take note of an event that the reader had before."""
        event = item.event
        if not isinstance(event, TextDelta | RefusalDelta | ReasoningDelta) or not self._takes(event, item.attempt):
            return
        if isinstance(event, ReasoningDelta):
            self._has_thoughts = True
        else:
            self._note(event.text)

    def _takes(self, event: TextDelta | RefusalDelta | ReasoningDelta, attempt: int) -> bool:
        return bool(event.text) and not event.choice and self._is_current(attempt)

    def _is_current(self, attempt: int) -> bool:
        if attempt > self._attempt:
            # 0 is "none seen yet": text known before belongs to the first attempt that shows itself.
            if self._attempt:
                self._begin_anew()
            self._attempt = attempt
        return attempt == self._attempt

    def _begin_anew(self) -> None:
        self.has_text = False

    def _note(self, text: str) -> None:
        self.has_text = True

    def _thought(self, text: str, position: int) -> bytes:
        self._has_thoughts = True
        return b""

    @abstractmethod
    def _delta(self, text: str, position: int) -> bytes: ...

    @abstractmethod
    def _end(self, ended: RunEnded, position: int) -> bytes: ...


class TextCollector(_VisibleText):
    """The whole text, for the JSON answer, which has no room for thoughts: nothing to write until `ended` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: RunEnded | None = None
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def failure(self) -> ParleyError | None:
        """The error to answer instead of the text, once the run has ended."""
        return outcomes.failure(self.ended, has_text=self.has_text) if self.ended else None

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._pieces.clear()

    def _note(self, text: str) -> None:
        super()._note(text)
        self._pieces.append(text)

    def _delta(self, text: str, position: int) -> bytes:
        self._note(text)
        return b""

    def _end(self, ended: RunEnded, position: int) -> bytes:
        self.ended = ended
        return b""


class _WireStream(_VisibleText):
    def _would_splice(self, item: RunEvent) -> bool:
        return (self.has_text or self._has_thoughts) and item.attempt > self._attempt > 0


class NdjsonStream(_WireStream):
    """Lines that carry the whole answer so far: old clients parse only the last one, and split at CRLF."""

    content_type: ClassVar[str] = "application/x-ndjson; charset=utf-8"
    # Not even a blank line may stand between lines: readers parse whatever they get.
    keep_alive: ClassVar[bytes] = b""

    def __init__(self, conversation_id: str, *, trace_id: str, text: str = "") -> None:
        """`text` is what a reader that resumes has already."""
        super().__init__()
        self._trace_id = trace_id
        self._id = quoted(conversation_id).encode()
        self._has_line = False
        # All in its wire form. Growing the answer costs the delta, writing it out one copy.
        self._answer = bytearray()
        self._new_words = b""
        self._new_thoughts = b""
        if text:
            self._note(text)

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
        super()._thought(text, position)
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
            # Inside the last line: it has the answer so far for old readers, and the Ace error for the others.
            return self._line(b", " + _members(errors.body(error, trace_id=self._trace_id)))
        has_news = self._new_words or self._new_thoughts
        return self._line() if has_news or not self._has_line else b""

    def _line(self, more: bytes = b"") -> bytes:
        self._has_line = True
        if self._new_thoughts:
            more = b', "thinking": "%b"%b' % (self._new_thoughts, more)
        rest = b'", "delta_answer": "%b", "id": %b%b}' % (self._new_words, self._id, more)
        self._new_words = self._new_thoughts = b""
        length = len(_LINE_BEGINS) + len(self._answer) + len(rest) + len(b"\r\n")
        return b"".join((_LINE_BEGINS, self._answer, rest, b" \r\n" if length % READ_BYTES == 1 else b"\r\n"))


class SseStream(_WireStream):
    """Events of the delta alone, small enough for readers that take each network chunk for whole events.

    `id:` is the position to resume after. It stands before `data: `, the prefix by which old readers know a line.
    """

    content_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    keep_alive: ClassVar[bytes] = b": PING\n\n"

    def __init__(self, conversation_id: str, *, trace_id: str, text: str = "") -> None:
        """`text` is what a reader that resumes has already."""
        super().__init__()
        self.has_text = bool(text)
        self._trace_id = trace_id
        self._id = quoted(conversation_id)

    def _delta(self, text: str, position: int) -> bytes:
        self._note(text)
        return self._event(text, position)

    def _thought(self, text: str, position: int) -> bytes:
        """Beside an empty delta, which older readers add to the answer they have."""
        super()._thought(text, position)
        return self._event("", position, b',"thinking":' + quoted(text).encode())

    def _end(self, ended: RunEnded, position: int) -> bytes:
        """Errors end with `[DONE]` too: readers of 2024 wait for it, and later ones have seen the error by then."""
        error = outcomes.failure(ended, has_text=self.has_text)
        if error is not None:
            return self._event("", position, b"," + _members(errors.body(error, trace_id=self._trace_id))) + SSE_DONE
        if not self.has_text:
            # An empty answer still tells the conversation's id.
            return self._event("", position) + SSE_DONE
        return b"id: %d\n" % position + SSE_DONE

    def _event(self, delta: str, position: int, more: bytes = b"") -> bytes:
        head = f'id: {position}\ndata: {{"delta_answer":{quoted(delta)},"id":{self._id}'
        return head.encode() + more + b"}\n\n"


def _escaped(text: str) -> bytes:
    """What stands between the quotes."""
    return quoted(text)[1:-1].encode()


def _members(body: dict[str, Any]) -> bytes:
    """An object's members without its braces, in ASCII."""
    return json.dumps(body)[1:-1].encode()
