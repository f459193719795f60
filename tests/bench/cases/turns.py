"""Stored turns with a short history, by several clients at once. Also directly at the upstream, for comparison."""

from collections.abc import Callable

from tests.bench.figures import JSON_TURN_GOAL_MS, STREAM_TURN_GOAL_MS, Spread, TurnFigures
from tests.bench.load.job import Form, Outcome
from tests.bench.load.pace import Pace
from tests.bench.load.script import Script
from tests.bench.service import accounting
from tests.bench.service.environment import Cost, Environment

GOALS = {
    Form.JSON: JSON_TURN_GOAL_MS,
    Form.CHAT: JSON_TURN_GOAL_MS,
    Form.YUJU: JSON_TURN_GOAL_MS,
    Form.NDJSON: STREAM_TURN_GOAL_MS,
    Form.CHAT_STREAM: STREAM_TURN_GOAL_MS,
}


def run(form: Form, *, clients: int, per_second: float = 0.0) -> Callable[[Environment, Pace, str], TurnFigures]:
    def measure(environment: Environment, pace: Pace, name: str) -> TurnFigures:
        script = Script(per_second=per_second)
        job = environment.job(form=form, clients=clients, script=script, turns=pace.turns, seconds=pace.seconds)
        outcome, cost = environment.measure(job, warm_up_seconds=pace.warm_up_seconds)
        goal = None if per_second else GOALS.get(form)
        return figures(environment, name=name, clients=clients, outcome=outcome, cost=cost, goal_ms=goal)

    return measure


def figures(
    environment: Environment, *, name: str, clients: int, outcome: Outcome, cost: Cost, goal_ms: float | None
) -> TurnFigures:
    cpu = sum(cost.service.values()) + cost.upstream + outcome.cpu_seconds
    return TurnFigures(
        name=name,
        clients=clients,
        turns=outcome.turns,
        per_second=outcome.turns / outcome.seconds,
        first_ms=Spread.of(outcome.first_ms),
        total_ms=Spread.of(outcome.total_ms),
        cpu_ms={role: seconds * 1000 / outcome.turns for role, seconds in cost.service.items()},
        upstream_cpu_ms=cost.upstream * 1000 / outcome.turns,
        generator_cpu_ms=outcome.cpu_seconds * 1000 / outcome.turns,
        busy_cores=cpu / outcome.seconds,
        memory_mb=accounting.memory_mb(environment.service),
        goal_ms=goal_ms,
    )
