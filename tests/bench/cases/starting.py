"""How long the service took to start: noted by the stage, for it happens before any case."""

from tests.bench.figures import StartFigures
from tests.bench.load.pace import Pace
from tests.bench.service.environment import Stage


def run(stage: Stage, pace: Pace, name: str) -> StartFigures:
    return StartFigures(
        name=name,
        is_first=stage.is_first_start,
        ready_seconds=stage.service.seconds_to_ready,
        first_answer_seconds=stage.first_answer_seconds,
    )
