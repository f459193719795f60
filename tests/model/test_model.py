"""Journey: whatever users and vendors do in whatever order, and whatever fails, the service matches its model."""

from collections.abc import Iterator
from functools import partial

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


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    with FakeUpstream() as upstream:
        env = {"OPENAI_API_KEY": "sk-vendor", "OPENAI_BASE_URL": upstream.base_url}
        with (
            Service(data_dir=tmp_path_factory.mktemp("model") / "var", env=env) as service,
            Rows.of(service) as rows,
            redis.Redis.from_url(paths.redis_url(service.data_dir)) as valkey,
        ):
            yield Runtime(service, Api(service.base_url, service.api_key), upstream, valkey, rows)


@pytest.mark.timeout(300)
def test_matches_the_model(runtime: Runtime) -> None:
    run_state_machine_as_test(
        partial(Machine, runtime),  # type: ignore[arg-type] # a factory will do
        settings=settings(PROFILE, max_examples=9, stateful_step_count=10),
    )


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_matches_the_model_whatever_dies(runtime: Runtime) -> None:
    run_state_machine_as_test(
        partial(MachineWithCrashes, runtime),  # type: ignore[arg-type] # a factory will do
        settings=settings(PROFILE, max_examples=10, stateful_step_count=15),
    )
