"""The ways to ask that differ when something dies, and callers that ask in a thread of their own."""

import json
import threading
import time
from collections.abc import Callable
from enum import Enum

import requests

from tests.fakes.replies import Json
from tests.journeys.clients.aichat import MODEL, SSE, Api
from tests.journeys.clients.streams import attach, blocks

# The recovery, the silence after which a reader asks the database, and a margin.
PATIENCE_SECONDS = 45.0


class Way(Enum):
    """How a question is asked. `ATTACHED`: for JSON, and another reader opens the run as a stream before the fault."""

    JSON = "JSON"
    STREAM = "stream"
    ATTACHED = "JSON, attached to"
    UNSTORED = "unstored JSON"
    UNSTORED_STREAM = "unstored stream"

    @property
    def is_stream(self) -> bool:
        return self in (Way.STREAM, Way.UNSTORED_STREAM)

    @property
    def is_read_live(self) -> bool:
        """Whether a reader sees text before the end."""
        return self.is_stream or self is Way.ATTACHED

    @property
    def is_stored(self) -> bool:
        return self not in (Way.UNSTORED, Way.UNSTORED_STREAM)


class Caller:
    """`events`: the SSE events read so far. `error`: what ended it early, if anything. `seconds`: how long it took."""

    def __init__(self, send: Callable[[], requests.Response]) -> None:
        self.events: list[str] = []
        self.response: requests.Response | None = None
        self.error: Exception | None = None
        self.seconds = 0.0
        self._send = send
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """The text of the events read so far."""
        return "".join(event["delta_answer"] for event in map(payload, self.events) if event)

    def wait(self) -> requests.Response | None:
        """Wait for the response and return it, read to its end; None when there was none."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), f"Still waiting after {PATIENCE_SECONDS} s, having read {self.events}"
        return self.response

    def _read(self) -> None:
        began = time.monotonic()
        try:
            with self._send() as response:
                self.response = response
                if response.status_code == 200 and response.headers["content-type"].startswith(SSE):
                    for event in blocks(response):
                        self.events.append(event)
                else:
                    _ = response.content
        except requests.RequestException as exc:
            self.error = exc
        self.seconds = time.monotonic() - began


def payload(event: str) -> Json | None:
    """The data of an SSE event; None for [DONE]."""
    data = event.partition("data: ")[2]
    return None if data == "[DONE]" else dict(json.loads(data))


def ask(api: Api, way: Way, question: str, *, thread: str, key: str = "") -> Caller:
    """`key` is an idempotency key."""
    body = {"model": MODEL, "question": question, **({"id": thread} if way.is_stored else {})}
    accept, headers = SSE if way.is_stream else "", {"Idempotency-Key": key} if key else {}
    return Caller(lambda: api.post(body, accept=accept, headers=headers, stream=way.is_stream))


def read_again(api: Api, run_id: str, *, after: int = 0) -> Caller:
    """A later reader of a run's stream."""
    return Caller(lambda: attach(api, run_id, stream=True, starting_after=after))
