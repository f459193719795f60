"""What tests of services share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from pytest_django import Settings

from conversations import broker
from conversations.outbound import addresses
from conversations.queries.money import current_prices
from conversations.routing import table
from conversations.routing.board import Board
from conversations.workers import sweep as sweeping
from conversations.workers.runs.process import WorkerProcess

Sweep = Callable[[], list[int]]


@pytest.fixture(autouse=True)
def no_prices() -> None:
    """This process knows none of the test before."""
    current_prices.forget()


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    """Empty before and after."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def sweep_on(valkey: redis.Redis, django_capture_on_commit_callbacks: Any) -> Sweep:
    """One round; gives the runs in line after it, the next one first."""

    def once() -> list[int]:
        with django_capture_on_commit_callbacks(execute=True):
            sweeping.sweep()
        return broker.next_runs(most=10_000)

    return once


@pytest.fixture
def sweep(sweep_on: Sweep, valkey: redis.Redis) -> Sweep:
    """As that, and workers take all of them."""

    def once() -> list[int]:
        woken = sweep_on()
        valkey.delete(broker.RUNS_QUEUE)
        return woken

    return once


class UnmonitoredProcess(WorkerProcess):
    """Whose monitor ticks only when the test says so."""

    def _monitor(self) -> None:
        pass


class UnthreadedBoard(Board):
    """That tells and learns only when the test says so."""

    def _run(self) -> None:
        pass


@pytest.fixture
def process(valkey: redis.Redis) -> Iterator[WorkerProcess]:
    made = UnmonitoredProcess(queue="runs")
    made.board = UnthreadedBoard(valkey)
    yield made
    made.http.close()


@pytest.fixture
def no_routes() -> Iterator[None]:
    """Other tests of this process know nothing of the keys and targets of this one."""
    yield
    table.install(table.AdminTable())


@pytest.fixture
def loopback_receivers(settings: Settings) -> None:
    """Receivers are on loopback here, which the guard lets nobody reach unless it is told to."""
    settings.OUTBOUND_ALLOW = addresses.ranges(["127.0.0.0/8"])
