"""The cost of open streams that receive nothing, and of doing nothing at all."""

import time
from collections.abc import Callable
from dataclasses import replace

from tests.bench.figures import IdleFigures
from tests.bench.load.job import Form
from tests.bench.load.pace import Pace
from tests.bench.load.script import Script
from tests.bench.service import accounting
from tests.bench.service.accounting import ByRole
from tests.bench.service.environment import Environment
from tests.bench.service.programs import Generator

OPENING_SECONDS = 60.0
# Clients come this fast; measured is what they cost afterwards.
OPENED_PER_SECOND = 100


def rest(environment: Environment, pace: Pace, name: str) -> IdleFigures:
    environment.wait_until_calm()
    memory = accounting.memory_mb(environment.service)
    return _figures(environment, name=name, streams=0, opened_in=0.0, memory_before=memory, seconds=pace.rest_seconds)


def run(*, streams: int) -> Callable[[Environment, Pace, str], IdleFigures]:
    def measure(environment: Environment, pace: Pace, name: str) -> IdleFigures:
        environment.wait_until_calm()
        memory = accounting.memory_mb(environment.service)
        job = environment.job(form=Form.SSE, clients=streams, script=Script(is_held=True), turns=streams, seconds=200)
        began = time.monotonic()
        with Generator(replace(job, ramp_seconds=streams / OPENED_PER_SECOND)) as generator:
            generator.wait_until_open(within=OPENING_SECONDS)
            opened_in = time.monotonic() - began
            found = _figures(
                environment,
                name=name,
                streams=streams,
                opened_in=opened_in,
                memory_before=memory,
                seconds=pace.idle_seconds,
            )
            environment.upstream.release()
            generator.outcome()
        return found

    return measure


def _figures(
    environment: Environment, *, name: str, streams: int, opened_in: float, memory_before: ByRole, seconds: float
) -> IdleFigures:
    environment.wait_until_calm()
    before = environment.sample()
    time.sleep(seconds)
    cost = environment.cost_since(before)
    return IdleFigures(
        name=name,
        streams=streams,
        seconds_to_open=opened_in,
        cpu_ms={role: used * 1000 / cost.seconds for role, used in cost.service.items()},
        memory_mb=accounting.memory_mb(environment.service),
        memory_before_mb=memory_before,
        database_connections=environment.database_connections(),
        redis_connections=environment.redis_connections(),
    )
