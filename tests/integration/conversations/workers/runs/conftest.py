"""One vendor with its prices, or two without, and a run that is asked of whatever targets there are."""

from collections.abc import Callable, Iterator

import pytest
import redis

from conversations.models import Account, Run
from conversations.workers.runs import ask as asking_module
from conversations.workers.runs.attempt import Attempt
from conversations.workers.runs.process import WorkerProcess
from conversations.workers.runs.settle import settle
from tests import builders
from tests.fakes.upstream import FakeUpstream

Answered = Callable[..., Run]


@pytest.fixture
def prices() -> None:
    """A dollar for a thousand tokens, of prompt or answer."""
    builders.money.price(vendor="openai", model="gpt-4", input="1000", output="1000")


@pytest.fixture
def vendor() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        builders.upstreams.target(fake)
        yield fake


@pytest.fixture
def first() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def second() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def answered(ann: Account, process: WorkerProcess, valkey: redis.Redis) -> Answered:
    """A run that this process has claimed, asked and settled. `meanwhile` happens once it is claimed."""

    def of(run: Run | None = None, *, meanwhile: Callable[[], object] = lambda: None) -> Run:
        run = run or builders.runs.start(ann)
        claimed = builders.runs.claim(run, worker_id=process.worker_id)
        meanwhile()
        attempt = Attempt(claimed, process.name, builders.runs.live_log(valkey, run, attempt=claimed.attempt))
        with process.track(run_id=run.pk, deadline_seconds=600) as handle:
            settle(attempt, asking_module.ask(attempt, process=process, handle=handle))
        run.refresh_from_db()
        return run

    return of
