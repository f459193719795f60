"""What a search engine is asked, what it answers, and what can go wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Query:
    """`count` results at most. `country` is a code of ISO 3166-1 in capitals, "" for none."""

    text: str
    count: int
    country: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """`url` is http or https. `title` is plain text; `snippet` is HTML with no tag but `<b>`."""

    title: str
    url: str
    snippet: str


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A GET where there is no `body`. `repr` hides the headers: they hold the key."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None


class Engine(Protocol):
    @property
    def name(self) -> str:
        """As in the setting SEARCH_ENGINE."""

    def request(self, query: Query) -> EngineRequest: ...

    def results(self, answer: Any, *, count: int) -> Sequence[Result]:
        """Of the JSON of a 200, whatever it is. Raises SearchFailed."""

    def advice(self, status: int) -> str:
        """What the operator can do about this HTTP status; "" where nothing is known."""


class SearchFailed(Exception):
    """`reason` is for the operator's log: it holds no key and no query. `retry_after` in seconds, where it was said."""

    def __init__(
        self, reason: str, *, status: int | None = None, retry_after: float | None = None, is_late: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after
        self.is_late = is_late
