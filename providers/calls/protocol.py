"""The interface of a protocol spoken over HTTP: all that a call knows of it.

An implementation is a folder in `providers/protocols/` and holds no state: one object serves all calls and threads.
"""

import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from providers.catalog import Target
from providers.errors import ProviderError
from providers.events import StreamEvent
from providers.messages import Request, Usage


class AnswerReader(typing.Protocol):
    """Turns the body of one successful response into events. It is asked for one answer and used by one thread."""

    # The largest body to accept when that is more than the answer's own limit allows, as for vectors.
    LARGEST_BODY_BYTES: ClassVar[int]
    # Something was read that belongs to an answer.
    has_begun: bool
    # Every choice that began has its finish. A body that breaks off now, or goes on with garbage, is no failure.
    is_complete: bool
    # Nothing more belongs to the answer: the rest of the body is not read.
    is_done: bool

    @property
    def usage_so_far(self) -> Usage | None:
        """What the vendor has counted, also in the middle of the answer."""

    def read(self, payload: bytes, event_name: bytes = b"") -> list[StreamEvent]:
        """Events of one server-sent event: its data and, if it has one, its name. Raises ProviderError."""

    def read_whole(self, body: bytes) -> list[StreamEvent]:
        """Events of a whole JSON body. Raises ProviderError."""

    def finish(self) -> list[StreamEvent]:
        """The remaining events, once the body ended. Raises UpstreamCut or UpstreamEmpty when there is no answer."""


class NewReader(typing.Protocol):
    def __call__(self, *, vendor: str, display_name: str, secret: str, request_id: str | None) -> AnswerReader:
        """`secret` is our key: no error message may hold it. `request_id` is the vendor's."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """An encoded request: its path below the base URL, the JSON body, the `Accept` header and who reads the answer."""

    path: str
    body: bytes
    accept: str
    new_reader: NewReader


class HttpProtocol(ABC):
    """How vendors that speak one protocol are asked over HTTP."""

    @abstractmethod
    def headers(self, api_key: str) -> Mapping[str, str]:
        """What authenticates a request, and whatever else the protocol wants in each. `api_key` may be empty.

        Called once per address and key, not once per call.
        """

    @abstractmethod
    def encode(self, request: Request, target: Target) -> WireRequest:
        """Raises TypeError for what JSON cannot say, such as half a surrogate pair or a number of 30 digits.

        Raises UpstreamRejected for a kind of request that the protocol does not have.
        """

    @abstractmethod
    def error(
        self, *, status: int, body: bytes, target: Target, retry_after: float | None, request_id: str | None
    ) -> ProviderError:
        """The error that a response other than 2xx stands for. Never raises, whatever the body is.

        `retry_after` in seconds, from the response's headers. The message must not hold `target.api_key`.
        """
