"""How long the service took to start, measured before any case runs."""

from tests.bench.figures import StartFigures
from tests.bench.load.pace import Pace
from tests.bench.service.environment import Environment


def run(environment: Environment, pace: Pace, name: str) -> StartFigures:
    return StartFigures(
        name=name,
        is_first=environment.is_first_start,
        ready_seconds=environment.service.seconds_to_ready,
        first_answer_seconds=environment.first_answer_seconds,
    )
