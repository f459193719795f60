"""Journey: what /readyz reports and a single turn does not show."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.journeys.service import Service
from tests.waiting import eventually

# A service that has just started is given a minute; a minute without a sweep is too long.
SWEPT_SECONDS = 90.0


@contextmanager
def full(valkey: redis.Redis) -> Iterator[None]:
    """It answers and can be read, but refuses writes."""
    valkey.config_set("maxmemory", 1)
    try:
        yield
    finally:
        valkey.config_set("maxmemory", 0)


def test_readyz_names_a_redis_that_takes_no_writes_until_it_recovers(service: Service, valkey: redis.Redis) -> None:
    eventually(service.readiness, lambda seen: seen == (200, []))

    with full(valkey):
        assert valkey.ping()
        unready = eventually(service.readiness, lambda seen: seen[0] != 200)

    assert unready == (503, ["redis"])
    eventually(service.readiness, lambda seen: seen == (200, []))


@pytest.mark.faults
@pytest.mark.timeout(240)
def test_readyz_names_a_frozen_upkeep_and_its_sweep(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Frozen, not killed: a killed process is restarted."""
    with Service(data_dir=tmp_path_factory.mktemp("frozen") / "var") as service:
        (pid,) = eventually(lambda: service.pids("upkeep"), bool, within=30)
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: service.readiness()[1], lambda seen: seen == ["upkeep", "sweep"], within=SWEPT_SECONDS)
        os.kill(pid, signal.SIGCONT)
        eventually(service.readiness, lambda seen: seen == (200, []), within=30)
