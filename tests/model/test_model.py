"""Journey: whatever users and vendors do in whatever order, and whatever fails, the service matches its model."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import cycle

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from project.embedded import paths
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.model.machine import Machine, MachineWithCrashes
from tests.model.runtime import Runtime

# The same sequences every time, and no shrinking: failing sequences are short, and shrinking would take minutes.
PROFILE = settings(
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


# Whatever a call brings, it costs the same: `expectations.CALL`.
PRICES = """
INSERT INTO conversations_price (vendor, model, kind, amount, currency, valid_from, source)
SELECT 'openai', 'gpt-4o-mini', kind, amount, 'USD', now(), 'admin'
FROM (VALUES ('input', 0), ('output', 0), ('call', 0.5)) AS p(kind, amount)
"""


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runtime, Runtime]]:
    """One service, for an account that does not pay and for one that does."""
    with FakeUpstream() as upstream:
        env = {"OPENAI_API_KEY": "sk-vendor", "OPENAI_BASE_URL": upstream.base_url}
        with (
            Service(data_dir=tmp_path_factory.mktemp("model") / "var", env=env) as service,
            Rows.of(service) as rows,
            redis.Redis.from_url(paths.redis_url(service.data_dir)) as valkey,
        ):
            # Before the first turn of an account that pays, so that every process finds them at its first look.
            rows.change(PRICES)
            key = service.create_key("model", "--balance", "1000", "--calls", "1000000")
            free = Runtime(service, Api(service.base_url, service.api_key), upstream, valkey, rows)
            yield free, replace(free, api=Api(service.base_url, key), is_metered=True)


def machines(machine: type[Machine], runtimes: Iterable[Runtime]) -> Callable[[], Machine]:
    """Makes one for the accounts in turn: their runs begin and end by different statements."""
    turns = cycle(runtimes)
    return lambda: machine(next(turns))


@pytest.mark.timeout(300)
def test_matches_the_model(runtimes: tuple[Runtime, Runtime]) -> None:
    run_state_machine_as_test(
        machines(Machine, runtimes),  # type: ignore[arg-type] # a factory will do
        settings=settings(PROFILE, max_examples=9, stateful_step_count=10),
    )


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_matches_the_model_whatever_dies(runtimes: tuple[Runtime, Runtime]) -> None:
    run_state_machine_as_test(
        machines(MachineWithCrashes, runtimes),  # type: ignore[arg-type] # a factory will do
        settings=settings(PROFILE, max_examples=10, stateful_step_count=15),
    )
