"""Journey: whatever users, vendors and misfortune do in whatever order, it ends as promised."""

from collections.abc import Iterator
from functools import partial

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from project.embedded import paths
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api, Rows
from tests.journeys.service import Service
from tests.model.machine import Machine, MachineWithCrashes
from tests.model.world import World

# The same sequences every time. Those that fail are short as they are: to make them shorter would take minutes.
PROFILE = settings(
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with FakeUpstream() as upstream:
        env = {"OPENAI_API_KEY": "sk-vendor", "OPENAI_BASE_URL": upstream.base_url}
        service = Service(data_dir=tmp_path_factory.mktemp("model") / "var", env=env)
        try:
            service.start()
            rows = Rows(paths.database_url(service.data_dir))
            with redis.Redis.from_url(paths.redis_url(service.data_dir)) as valkey:
                yield World(service, Api(service.base_url, service.api_key), upstream, valkey, rows)
            rows.close()
        finally:
            service.stop()


@pytest.mark.timeout(300)
def test_keeps_its_promises(world: World) -> None:
    run_state_machine_as_test(
        partial(Machine, world),  # type: ignore[arg-type] # a factory will do
        settings=settings(PROFILE, max_examples=9, stateful_step_count=10),
    )


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_keeps_its_promises_whatever_dies(world: World) -> None:
    run_state_machine_as_test(
        partial(MachineWithCrashes, world),  # type: ignore[arg-type] # a factory will do
        settings=settings(PROFILE, max_examples=10, stateful_step_count=15),
    )
