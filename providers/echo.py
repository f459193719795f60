"""The built-in vendor echo: no network, no key. It says what it received, so that a first curl works.

The first line of a question may tell it to be slow or long: `/echo delay=0.05 length=200`
(`delay`: seconds between chunks, up to 10; `length`: characters of the answer, up to 100,000).
"""

import re
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from math import ceil
from types import TracebackType
from typing import Self

from providers.errors import CallAborted
from providers.events import CallStarted, ChoiceFinished, Event, TextDelta, UsageReported
from providers.messages import ChatRequest, Role, Usage
from providers.tokens import estimate_messages, estimate_text

MAX_DELAY_SECONDS = 10.0
MAX_LENGTH = 100_000
CHUNK_CHARACTERS = 12
MAX_CHUNKS = 400

_ORDER = re.compile(r"/echo(?P<words>(?: +(?:delay|length)=[0-9.]+)*) *(?:\n|$)")
_WORD = re.compile(r"(delay|length)=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Order:
    """How the question wants to be answered, and the question without that."""

    question: str
    delay_seconds: float = 0.0
    length: int | None = None


def read_order(text: str) -> Order:
    """Anything that is not exactly the documented first line is part of the question."""
    match = _ORDER.match(text)
    if match is None:
        return Order(text)
    words = {name: _number(value) for name, value in _WORD.findall(match["words"])}
    length = int(min(words["length"], MAX_LENGTH)) if "length" in words else None
    return Order(text[match.end() :], min(words.get("delay", 0.0), MAX_DELAY_SECONDS), length)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def answer_to(request: ChatRequest) -> tuple[str, Order]:
    """The whole answer; repeated or cut when a length was ordered."""
    asked = [message.text for message in request.messages if message.role is Role.USER]
    order = read_order(asked[-1] if asked else "")
    count = len(request.messages)
    text = f"[echo] Received {count} message{'' if count == 1 else 's'}. The last question: {order.question}"
    if order.length is None:
        return text, order
    return (text * ceil(order.length / len(text)))[: order.length], order


class EchoCall:
    """The interface of `client.Call`, answered from within."""

    def __init__(self, request: ChatRequest) -> None:
        self.http_calls = 0
        self.request_id: str | None = None
        self._request = request
        self._hung_up = threading.Event()
        self._events = self._run()

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def abort(self) -> None:
        self._hung_up.set()

    def close(self) -> None:
        self._events.close()

    def _run(self) -> Generator[Event]:
        text, order = answer_to(self._request)
        self._pause(0)
        yield CallStarted(model="echo")
        for chunk in _chunks(text):
            self._pause(order.delay_seconds)
            yield TextDelta(chunk)
        yield ChoiceFinished("stop")
        yield UsageReported(_usage(self._request, text))

    def _pause(self, seconds: float) -> None:
        if self._hung_up.wait(seconds) if seconds else self._hung_up.is_set():
            raise CallAborted("The call was aborted.")


def _chunks(text: str) -> Iterator[str]:
    size = max(CHUNK_CHARACTERS, ceil(len(text) / MAX_CHUNKS))
    return (text[start : start + size] for start in range(0, len(text), size))


def _usage(request: ChatRequest, text: str) -> Usage:
    return Usage(estimate_messages(request.messages), estimate_text(text), source="estimated")
