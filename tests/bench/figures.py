"""The figures of the cases, as plain values. `report` prints them; they are written as JSON unchanged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Self

from tests.bench.service.accounting import ByRole

# CPU of web and worker together for a stored turn.
JSON_TURN_GOAL_MS = 8.0
STREAM_TURN_GOAL_MS = 10.0
FIRST_TOKEN_GOAL_MS = 10.0


@dataclass(frozen=True, slots=True)
class Spread:
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        if len(values) < 2:
            only = values[0] if values else 0.0
            return cls(only, only, only)
        cuts = quantiles(values, n=100, method="inclusive")
        return cls(cuts[49], cuts[94], cuts[98])


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFigures:
    """CPU in milliseconds per turn. `busy_cores`: of service, upstream and generator together."""

    name: str
    clients: int
    turns: int
    per_second: float
    first_ms: Spread
    total_ms: Spread
    cpu_ms: ByRole
    upstream_cpu_ms: float
    generator_cpu_ms: float
    busy_cores: float
    memory_mb: ByRole
    goal_ms: float | None = None
    beyond_upstream_ms: float | None = None

    @property
    def ours_ms(self) -> float:
        return self.cpu_ms["web"] + self.cpu_ms["worker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFigures:
    """Streams that are open at the same time. CPU in microseconds per token, and in cores."""

    name: str
    streams: int
    per_second: float
    tokens: int
    lag_ms: Spread
    first_ms: Spread
    cpu_us: ByRole
    cores: ByRole
    busy_cores: float
    memory_mb: ByRole


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleFigures:
    """A service that only keeps `streams` open, or does nothing if there are none. CPU in ms per second."""

    name: str
    streams: int
    seconds_to_open: float
    cpu_ms: ByRole
    memory_mb: ByRole
    memory_before_mb: ByRole
    database_connections: int
    redis_connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFigures:
    """Seconds since the launch. `is_first`: the database had to be made."""

    name: str
    is_first: bool
    ready_seconds: float
    first_answer_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthFigure:
    """One thing on a nearly empty and on a filled database. None: this service has no such thing."""

    what: str
    few: float | None
    many: float | None

    @property
    def ratio(self) -> float | None:
        return self.many / self.few if self.few and self.many is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthFigures:
    """`dearest_at_rest`: milliseconds of a call, by the beginning of a statement that runs when nobody asks."""

    name: str
    messages: int
    seconds_to_fill: float
    figures: tuple[GrowthFigure, ...]
    dearest_at_rest: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalFigures:
    """Searches of a file's questions. CPU in milliseconds per search. `noted`: how many answers left something out.

    `vector_seconds`: from the first document until all vectors were made; None for words alone.
    """

    name: str
    file: str
    embedding: str
    documents: int
    questions: int
    recall_at_1: float
    recall_at_5: float
    noted: int
    indexing_seconds: float
    vector_seconds: float | None
    total_ms: Spread
    cpu_ms: ByRole
    memory_mb: ByRole


Figures = TurnFigures | StreamFigures | IdleFigures | StartFigures | GrowthFigures | RetrievalFigures
