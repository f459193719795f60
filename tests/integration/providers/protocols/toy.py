"""A protocol that has nothing in common with OpenAI's: another path, another key header, other JSON, other errors.

POST /talk  {"to": "m", "heard": ["Hi"], "aloud": true}
    200     {"spoken": "Hello", "cost": [1, 2]}, or the events `piece: Hel`, `piece: lo`, `over: [1, 2]`
    4xx     {"oops": "…", "because": "too-much"}
"""

import json
from collections.abc import Mapping
from typing import ClassVar

from providers.calls.protocol import HttpProtocol, WireRequest
from providers.catalog import Target
from providers.errors import ContextTooLong, ProviderError, UpstreamCut, UpstreamRejected
from providers.events import CallStarted, ChoiceFinished, StreamEvent, TextDelta, UsageReported
from providers.messages import ChatRequest, Request, Usage


class ToyProtocol(HttpProtocol):
    def headers(self, api_key: str) -> Mapping[str, str]:
        return {"X-Toy-Key": api_key, "X-Toy-Version": "7"}

    def encode(self, request: Request, target: Target) -> WireRequest:
        if not isinstance(request, ChatRequest):
            raise UpstreamRejected("Toys only talk.", status=400)
        heard = [message.text for message in request.messages]
        body = json.dumps({"to": target.model, "heard": heard, **request.options}).encode()
        return WireRequest("/talk", body, "text/event-stream", ToyReader)

    def error(
        self, *, status: int, body: bytes, target: Target, retry_after: float | None, request_id: str | None
    ) -> ProviderError:
        failure = json.loads(body)
        kind = ContextTooLong if failure["because"] == "too-much" else UpstreamRejected
        return kind(failure["oops"], status=status, vendor_code=failure["because"], request_id=request_id)


class ToyReader:
    LARGEST_BODY_BYTES: ClassVar[int] = 0

    def __init__(self, *, vendor: str, display_name: str, secret: str, request_id: str | None) -> None:
        self._request_id = request_id
        self.has_begun = self.is_complete = self.is_done = False
        self.usage_so_far: Usage | None = None

    def read(self, payload: bytes, event_name: bytes = b"") -> list[StreamEvent]:
        if event_name == b"over":
            return self._end(json.loads(payload))
        return [*self._begin(), TextDelta(payload.decode())]

    def read_whole(self, body: bytes) -> list[StreamEvent]:
        answer = json.loads(body)
        return [*self._begin(), TextDelta(answer["spoken"]), *self._end(answer["cost"])]

    def finish(self) -> list[StreamEvent]:
        if not self.is_complete:
            raise UpstreamCut("The toy fell silent.")
        return []

    def _begin(self) -> list[StreamEvent]:
        if self.has_begun:
            return []
        self.has_begun = True
        return [CallStarted(self._request_id, "toy")]

    def _end(self, cost: list[int]) -> list[StreamEvent]:
        self.is_complete = self.is_done = True
        return [ChoiceFinished("stop"), UsageReported(Usage(cost[0], cost[1]))]
