"""The cost of a turn in conversations that are long already: one turn in each of many, one after the other.

The worker has never met these conversations, and reads all of each; or it has, and knows them.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.bench.cases import turns
from tests.bench.figures import TurnFigures
from tests.bench.load.job import Form
from tests.bench.load.pace import Pace
from tests.bench.service import conversations
from tests.bench.service.environment import Stage

WARM_UP_TURNS = 5
# All of them have to be met, however slow the machine.
MEETING_SECONDS = 60.0


def run(*, messages: int, is_known: bool = False) -> Callable[[Stage, Pace, str], TurnFigures]:
    def measure(stage: Stage, pace: Pace, name: str) -> TurnFigures:
        with stage.database() as connection:
            made = conversations.make(connection, number=WARM_UP_TURNS + pace.turns_by_length, length=messages)
        job = stage.job(form=Form.JSON, clients=1, turns=pace.turns_by_length, seconds=pace.seconds)
        job = replace(job, messages=messages)
        stage.measure(replace(job, conversations=made[:WARM_UP_TURNS]))
        job = replace(job, conversations=made[WARM_UP_TURNS:])
        if is_known:
            stage.load(replace(job, seconds=MEETING_SECONDS))
            job = replace(job, messages=messages + 2)
        outcome, cost = stage.measure(job)
        return turns.figures(stage, name=name, clients=1, outcome=outcome, cost=cost, goal_ms=None)

    return measure
