"""The figures as text: one table for each kind of case, with goals beside the figures."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from tests.bench.figures import (
    FIRST_TOKEN_GOAL_MS,
    Figures,
    GrowthFigure,
    GrowthFigures,
    IdleFigures,
    RetrievalFigures,
    Spread,
    StartFigures,
    StreamFigures,
    TurnFigures,
)
from tests.bench.service.accounting import ROLES, ByRole

Kind = TypeVar("Kind", TurnFigures, StreamFigures, IdleFigures, StartFigures, RetrievalFigures)
Row = dict[str, str]


def text(*, facts: Mapping[str, str], figures: Sequence[Figures], failures: Mapping[str, str]) -> str:
    parts = [
        " · ".join(f"{name} {fact}" for name, fact in facts.items()),
        _table("Starting (seconds from the launch)", figures, StartFigures, _start),
        _table("Turns (CPU in ms per turn; rest = upkeep, supervisor)", figures, TurnFigures, _turn),
        _table("Streams at a model's pace (CPU in µs per token)", figures, StreamFigures, _stream),
        _table("Idle (CPU in ms per second)", figures, IdleFigures, _idle),
        _table("Memory of idle streams (PSS, MB: before → with them open)", figures, IdleFigures, _idle_memory),
        _table("Memory under load (PSS, MB)", figures, TurnFigures, _turn_memory),
        _table("Memory with streams (PSS, MB)", figures, StreamFigures, _stream_memory),
        _table("Retrieval (CPU in ms per search)", figures, RetrievalFigures, _retrieval),
        _table("Memory of retrieval (PSS, MB)", figures, RetrievalFigures, _retrieval_memory),
        *(_growth(found) for found in figures if isinstance(found, GrowthFigures)),
        *(f"FAILED {name}: {why}" for name, why in failures.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(title: str, figures: Sequence[Figures], kind: type[Kind], row: Callable[[Kind], Row]) -> str:
    return _lines(title, [row(found) for found in figures if isinstance(found, kind)])


def _lines(title: str, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    columns = list(rows[0])
    widths = {name: max(len(name), *(len(cells[name]) for cells in rows)) for name in columns}
    lines: list[Row] = [{name: name for name in columns}, *rows]
    shown: list[str] = ["  ".join(cells[name].rjust(widths[name]) for name in columns) for cells in lines]
    return "\n".join([title, *shown])


def _start(found: StartFigures) -> Row:
    return {
        "case": found.name,
        "database": "made" if found.is_first else "kept",
        "ready": f"{found.ready_seconds:.2f}",
        "first answer": f"{found.first_answer_seconds:.2f}",
    }


def _turn(found: TurnFigures) -> Row:
    beyond = found.beyond_upstream_ms
    return {
        "case": found.name,
        "turns": str(found.turns),
        "turns/s": f"{found.per_second:.0f}",
        "first ms p50/95/99": _spread(found.first_ms),
        "total ms p50/95/99": _spread(found.total_ms),
        **{role: f"{found.cpu_ms[role]:.2f}" for role in ROLES},
        "web+worker": _with_goal(found.ours_ms, found.goal_ms),
        "first−upstream's": "" if beyond is None else _with_goal(beyond, FIRST_TOKEN_GOAL_MS),
        "upstream": f"{found.upstream_cpu_ms:.2f}",
        "generator": f"{found.generator_cpu_ms:.2f}",
        "busy cores": f"{found.busy_cores:.2f}",
    }


def _stream(found: StreamFigures) -> Row:
    return {
        "case": found.name,
        "streams": str(found.streams),
        "tokens/s": f"{found.per_second:.0f}",
        "first ms p50/95/99": _spread(found.first_ms),
        "lag ms p50/95/99": _spread(found.lag_ms),
        **{role: f"{found.cpu_us[role]:.0f}" for role in ROLES},
        "web cores": f"{found.cores['web']:.2f}",
        "worker cores": f"{found.cores['worker']:.2f}",
        "busy cores": f"{found.busy_cores:.2f}",
    }


def _idle(found: IdleFigures) -> Row:
    return {
        "case": found.name,
        "streams": str(found.streams),
        "opened in s": f"{found.seconds_to_open:.1f}",
        **{role: f"{found.cpu_ms[role]:.1f}" for role in ROLES},
        "PostgreSQL connections": str(found.database_connections),
        "Redis connections": str(found.redis_connections),
    }


def _idle_memory(found: IdleFigures) -> Row:
    before, after = found.memory_before_mb, found.memory_mb
    cells = {role: f"{before[role]:.0f} → {after[role]:.0f}" for role in ROLES}
    all_of_it = f"{sum(before.values()):.0f} → {sum(after.values()):.0f}"
    return {"case": found.name, **cells, "all": all_of_it}


def _turn_memory(found: TurnFigures) -> Row:
    return _memory(found.name, found.memory_mb)


def _stream_memory(found: StreamFigures) -> Row:
    return _memory(found.name, found.memory_mb)


def _memory(name: str, memory: ByRole) -> Row:
    return {"case": name, **{role: f"{memory[role]:.0f}" for role in ROLES}, "all": f"{sum(memory.values()):.0f}"}


def _retrieval(found: RetrievalFigures) -> Row:
    vectors = found.vector_seconds
    return {
        "file": found.file,
        "embedding": found.embedding or "words alone",
        "documents": str(found.documents),
        "questions": str(found.questions),
        "recall at 1": f"{found.recall_at_1:.3f}",
        "at 5": f"{found.recall_at_5:.3f}",
        "with notes": str(found.noted),
        "indexed in s": f"{found.indexing_seconds:.1f}",
        "with vectors": "" if vectors is None else f"{vectors:.0f}",
        "ms p50/95/99": _spread(found.total_ms),
        **{role: f"{found.cpu_ms[role]:.2f}" for role in ROLES},
    }


def _retrieval_memory(found: RetrievalFigures) -> Row:
    return _memory(found.name, found.memory_mb)


def _growth(found: GrowthFigures) -> str:
    title = f"Growth: {found.messages:,} messages, filled in {found.seconds_to_fill:.0f} s (ratio to nearly none)"
    dearest = [{"ms": f"{ms:.2f}", "statement": text} for text, ms in found.dearest_at_rest.items()]
    rows = [_grown(figure) for figure in found.figures]
    return "\n\n".join([_lines(title, rows), _lines("The dearest statements at rest", dearest)])


def _grown(figure: GrowthFigure) -> Row:
    few, many, ratio = (_or_dash(value) for value in (figure.few, figure.many, figure.ratio))
    return {"figure": figure.what, "few": few, "many": many, "ratio": ratio}


def _or_dash(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _spread(spread: Spread) -> str:
    return f"{spread.p50:.1f} / {spread.p95:.1f} / {spread.p99:.1f}"


def _with_goal(value: float, goal: float | None) -> str:
    return f"{value:.2f}" if goal is None else f"{value:.2f} (goal {goal:g})"
