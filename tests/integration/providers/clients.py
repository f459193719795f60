"""A call as these tests make it: without real waiting, and with all that it returned or raised."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from providers.calls.http_call import HttpCall, Runtime
from providers.catalog import Target
from providers.errors import ProviderError
from providers.events import StreamEvent, TextDelta
from providers.messages import ChatRequest, Message, Request, Role, TextPart
from providers.protocols.openai.protocol import OPENAI
from tests.fakes.upstream import FakeUpstream

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
SECRET = "sk-very-secret"


@dataclass
class Clock:
    """A clock that moves only when somebody waits."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    def wait(self, _: threading.Event, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds

    @property
    def runtime(self) -> Runtime:
        return Runtime(lambda: self.seconds, lambda: NOW, lambda: 0.0, self.wait)


@dataclass
class Outcome:
    """`text` is what was published before the error, if there was one."""

    events: list[StreamEvent]
    error: ProviderError | None
    http_calls: int
    request_id: str | None
    waits: list[float]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))


def question(text: str = "Hi") -> ChatRequest:
    return ChatRequest("m", (Message(Role.USER, (TextPart(text),)),))


def target(upstream: FakeUpstream | str, **fields: Any) -> Target:
    base_url = upstream if isinstance(upstream, str) else upstream.base_url
    fields = {"api_key": SECRET, "connect_timeout": 2.0, "read_timeout": 5.0, **fields}
    return Target("openai", "OpenAI", "openai", base_url, "m", **fields)


def ask(http: httpx.BaseTransport, to: Target, *, request: Request | None = None) -> Outcome:
    clock = Clock()
    events: list[StreamEvent] = []
    error: ProviderError | None = None
    with HttpCall(request or question(), to, protocol=OPENAI, transport=http, runtime=clock.runtime) as call:
        try:
            events.extend(call)
        except ProviderError as exc:
            error = exc
    return Outcome(events, error, call.http_calls, call.request_id, clock.waits)
