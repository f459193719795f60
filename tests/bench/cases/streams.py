"""Streams at the pace of a model, all open at once: how late each token arrives, and what it costs."""

import time
from collections.abc import Callable
from dataclasses import replace

from tests.bench.figures import Spread, StreamFigures
from tests.bench.load.job import Form, Job
from tests.bench.load.pace import Pace
from tests.bench.load.script import Script
from tests.bench.service import accounting
from tests.bench.service.environment import Environment
from tests.bench.service.programs import Generator

TOKENS_PER_SECOND = 50.0
# The streams begin one after the other; measuring begins after that.
RAMP_SECONDS = 1.0
SETTLE_SECONDS = 2.5
TAIL_SECONDS = 0.5


def run(form: Form, *, clients: int) -> Callable[[Environment, Pace, str], StreamFigures]:
    def measure(environment: Environment, pace: Pace, name: str) -> StreamFigures:
        lasting = SETTLE_SECONDS + pace.stream_seconds + TAIL_SECONDS
        script = Script(chunks=round(lasting * TOKENS_PER_SECOND), per_second=TOKENS_PER_SECOND)
        environment.wait_until_calm()
        job = environment.job(form=form, clients=clients, script=script, turns=clients, seconds=lasting)
        return _measure(environment, replace(job, ramp_seconds=RAMP_SECONDS), pace, name)

    return measure


def _measure(environment: Environment, job: Job, pace: Pace, name: str) -> StreamFigures:
    begin = time.monotonic() + SETTLE_SECONDS
    with Generator(replace(job, lag_from=begin, lag_until=begin + pace.stream_seconds)) as generator:
        time.sleep(begin - time.monotonic())
        before = environment.sample()
        time.sleep(pace.stream_seconds)
        cost, memory = environment.cost_since(before), accounting.memory_mb(environment.service)
        outcome = generator.outcome()
    cores = {role: seconds / cost.seconds for role, seconds in cost.service.items()}
    per_second = len(outcome.lag_ms) / pace.stream_seconds
    return StreamFigures(
        name=name,
        streams=job.clients,
        per_second=per_second,
        tokens=len(outcome.lag_ms),
        lag_ms=Spread.of(outcome.lag_ms),
        first_ms=Spread.of(outcome.first_ms),
        cpu_us={role: used / per_second * 1e6 for role, used in cores.items()},
        cores=cores,
        busy_cores=sum(cores.values()) + (cost.upstream / cost.seconds),
        memory_mb=memory,
    )
