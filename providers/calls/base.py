"""The interface of a call to a model, whoever answers it."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Self

from providers.events import StreamEvent


class Call(ABC):
    """An answer on its way. Iterate it once, in one thread; `abort` may come from any."""

    def __init__(self) -> None:
        self._events = self._run()

    @property
    def http_calls(self) -> int:
        """Requests made so far, retries included."""
        return 0

    @property
    def request_id(self) -> str | None:
        """The vendor's name for the last request."""
        return None

    @abstractmethod
    def _run(self) -> Generator[StreamEvent]:
        """Nothing is sent before the first event is asked for."""

    @abstractmethod
    def abort(self) -> None:
        """End the call at once, also while it connects or waits in silence."""

    def __iter__(self) -> Iterator[StreamEvent]:
        """Raises ProviderError; after `abort`, CallAborted."""
        return self._events

    def close(self) -> None:
        """Give the connection back. Belongs to the reading thread."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
