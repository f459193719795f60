"""One running service for all journeys that do not break it, with a scripted vendor behind it."""

from collections.abc import Iterator

import pytest
import redis

from project.embedded import paths
from tests.fakes.upstream import FakeUpstream
from tests.journeys import asking
from tests.journeys.asking import Api, Rows
from tests.journeys.service import Service

VENDOR_KEY = "sk-vendor-secret-0123456789"


@pytest.fixture(scope="session")
def vendor() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream) -> Iterator[Service]:
    """OpenAI and DeepSeek are configured; xAI and the others are not."""
    env = {
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": vendor.base_url,
        "DEEPSEEK_API_KEY": VENDOR_KEY,
        "DEEPSEEK_BASE_URL": vendor.base_url,
    }
    running = Service(data_dir=tmp_path_factory.mktemp("service") / "var", env=env)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def upstream(vendor: FakeUpstream) -> FakeUpstream:
    """The vendor, with nothing asked and nothing scripted yet."""
    vendor.reset()
    return vendor


@pytest.fixture(scope="session")
def api(service: Service) -> Api:
    return Api(service.base_url, service.api_key)


@pytest.fixture(scope="session")
def other_api(service: Service) -> Api:
    """Another account's."""
    return Api(service.base_url, asking.manage(service, "create_key", "--account", "other").strip())


@pytest.fixture(scope="session")
def rows(service: Service) -> Iterator[Rows]:
    looking = Rows(service.data_dir)
    yield looking
    looking.close()


@pytest.fixture
def valkey(service: Service) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(paths.redis_url(service.data_dir)) as client:
        yield client
