"""What the service does at rest: the sweep's duties, heartbeats and the look for deliveries."""

from tests.bench.growth import Measured
from tests.bench.growth.statements import SWEEP_SECONDS, Statement

# Statements below this are not worth a line of their own.
LEAST_MS = 0.5
EXCERPT_CHARS = 110


def measured(periodic: dict[int, Statement], *, seconds: float) -> Measured:
    rounds = seconds / SWEEP_SECONDS
    return {
        "at rest: PostgreSQL ms a sweep": sum(one.ms for one in periodic.values()) / rounds,
        "at rest: blocks a sweep": sum(one.blocks for one in periodic.values()) / rounds,
        "at rest: the dearest statement, ms": max((one.ms / one.calls for one in periodic.values()), default=0.0),
    }


def dearest(periodic: dict[int, Statement]) -> dict[str, float]:
    """Milliseconds of one call, by the beginning of the statement's text, the dearest first."""
    costs = {_excerpt(one): one.ms / one.calls for one in periodic.values() if one.ms / one.calls >= LEAST_MS}
    return dict(sorted(costs.items(), key=lambda found: -found[1]))


def _excerpt(one: Statement) -> str:
    """From where it says what it reads: before that stand only columns."""
    text = one.excerpt
    begin = max(text.find(" FROM "), 0)
    return f"{text[:6]}…{text[begin : begin + EXCERPT_CHARS]}" if begin else text[:EXCERPT_CHARS]
