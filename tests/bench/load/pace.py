"""How long the cases take: all of them within ten minutes, the quick ones within one."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A turn case ends after `seconds` or `turns`, whichever comes first.

    `idle_seconds` below ten misses some of the work for open streams: after ten seconds of silence readers ask again.
    """

    warm_up_seconds: float
    seconds: float
    turns: int
    turns_by_length: int
    rest_seconds: float
    stream_seconds: float
    idle_seconds: float
    growth_messages: int
    squad: Path | None = None
    embedding: str = ""


FULL = Pace(
    warm_up_seconds=2.0,
    seconds=10.0,
    turns=2000,
    turns_by_length=60,
    rest_seconds=10.0,
    stream_seconds=8.0,
    idle_seconds=20.0,
    growth_messages=100_000,
)
QUICK = Pace(
    warm_up_seconds=0.4,
    seconds=1.0,
    turns=400,
    turns_by_length=15,
    rest_seconds=1.0,
    stream_seconds=1.5,
    idle_seconds=4.0,
    growth_messages=20_000,
)
