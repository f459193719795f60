"""The size of an answer and the limit on it: an answer is held as a whole in memory, Redis and a row."""

import orjson

from providers.errors import AnswerTooLong
from providers.events import (
    AudioDelta,
    CallStarted,
    ChoiceFinished,
    EmbeddingMade,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)

# What an event costs besides its text, unless it only continues the text of the one before it.
EVENT_BYTES = 256
_QUOTES = len('""')

# Which text of which choice an event is a piece of; None when it stands alone.
TextKey = tuple[object, ...] | None


class AnswerMeter:
    """Counts the bytes of JSON in the events of one run, over all its choices and calls.

    Vectors are not counted: the caller decides how many there are, and their body has a limit of its own.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._text_key: TextKey = None
        # The choice of the last event, if that was plain text.
        self._plain_choice: int | None = None
        self.size = 0

    def add(self, event: StreamEvent) -> None:
        """Raises AnswerTooLong for an event that makes the answer too large; the caller must not keep it."""
        if type(event) is TextDelta and event.logprobs is None and event.choice == self._plain_choice:
            # A shortcut for nearly all events of an answer.
            self._take(len(orjson.dumps(event.text)) - _QUOTES)
            return
        key = _text_key(event)
        begins_text = key is None or key != self._text_key
        self._take(of_event(event) + (EVENT_BYTES if begins_text else 0))
        self._text_key = key
        self._plain_choice = event.choice if key and isinstance(event, TextDelta) else None

    def _take(self, size: int) -> None:
        if self.size + size > self._most:
            raise AnswerTooLong(f"The answer is longer than {self._most} bytes.")
        self.size += size


def of_json(value: object) -> int:
    """Bytes of a JSON value that is storable (`untrusted.storable`)."""
    return len(orjson.dumps(value))


def of_event(event: StreamEvent) -> int:
    """Bytes of JSON in the event's text and metadata."""
    match event:
        case TextDelta(text=text, logprobs=more):
            pass
        case ReasoningDelta(text=text, provider_metadata=more):
            pass
        case RefusalDelta(text=text):
            more = None
        case ToolCallDelta(arguments=text, provider_metadata=more):
            text += f"{event.call_id or ''}{event.name or ''}"
        case AudioDelta(audio=more):
            text = ""
        case ChoiceFinished(reason=text, provider_metadata=more):
            pass
        case CallStarted(provider_metadata=more):
            text = ""
        case EmbeddingMade() | UsageReported():
            return 0
    size = len(orjson.dumps(text)) - _QUOTES
    return size + of_json(more) if more else size


def _text_key(event: StreamEvent) -> TextKey:
    match event:
        case TextDelta(logprobs=None) | ReasoningDelta(provider_metadata=None) | RefusalDelta():
            return (type(event), event.choice)
        case ToolCallDelta(call_id=None, name=None, provider_metadata=None):
            return (ToolCallDelta, event.choice, event.index)
        case EmbeddingMade():
            return (EmbeddingMade,)
        case _:
            return None
