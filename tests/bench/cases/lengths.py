"""The cost of a turn in long conversations: one turn in each of many, one after the other.

The worker either reads the whole history from the database, or has it in its cache (`is_known`).
"""

from collections.abc import Callable
from dataclasses import replace

from tests.bench.cases import turns
from tests.bench.figures import TurnFigures
from tests.bench.load.job import Form
from tests.bench.load.pace import Pace
from tests.bench.service import conversations
from tests.bench.service.environment import Environment

WARM_UP_TURNS = 5
# Every conversation must be read once, however slow the machine is.
FILL_CACHE_SECONDS = 60.0


def run(*, messages: int, is_known: bool = False) -> Callable[[Environment, Pace, str], TurnFigures]:
    def measure(environment: Environment, pace: Pace, name: str) -> TurnFigures:
        with environment.database() as connection:
            made = conversations.make(connection, number=WARM_UP_TURNS + pace.turns_by_length, length=messages)
        job = environment.job(form=Form.JSON, clients=1, turns=pace.turns_by_length, seconds=pace.seconds)
        job = replace(job, messages=messages)
        environment.measure(replace(job, conversations=made[:WARM_UP_TURNS]))
        job = replace(job, conversations=made[WARM_UP_TURNS:])
        if is_known:
            environment.load(replace(job, seconds=FILL_CACHE_SECONDS))
            job = replace(job, messages=messages + 2)
        outcome, cost = environment.measure(job)
        return turns.figures(environment, name=name, clients=1, outcome=outcome, cost=cost, goal_ms=None)

    return measure
