"""The interface of a call to a model, over HTTP or not."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Self

from providers.events import StreamEvent
from providers.messages import Usage


class Call(ABC):
    """A call to a model. Iterate it once, in one thread; any thread may call `abort`."""

    def __init__(self) -> None:
        self._events = self._run()

    @property
    def http_calls(self) -> int:
        """HTTP requests made so far, retries included."""
        return 0

    @property
    def prompts_sent(self) -> int:
        """How often the vendor read the prompt for this answer, and counts it; retries of a failed call are not."""
        return 1

    @property
    def has_sent_prompt(self) -> bool:
        """Whether the vendor was sent a prompt that it did not answer with a failure: it counts the prompt."""
        return True

    @property
    def usage_so_far(self) -> Usage | None:
        """What the vendor has counted, where it does so while it answers. Not yet reported by an event."""
        return None

    @property
    def request_id(self) -> str | None:
        """The vendor's id of the last request, None before its response began."""
        return None

    @abstractmethod
    def _run(self) -> Generator[StreamEvent]:
        """The events. Nothing is sent before the first is asked for. Raises as `__iter__`."""

    @abstractmethod
    def abort(self) -> None:
        """End the call at once, also while it connects or waits for the vendor."""

    def __iter__(self) -> Iterator[StreamEvent]:
        """Raises ProviderError; after `abort`, CallAborted."""
        return self._events

    def close(self) -> None:
        """Give the connection back. Only the reading thread may call this."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
