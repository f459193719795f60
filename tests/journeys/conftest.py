"""One running service for all journeys that do not break it, with a scripted vendor behind it."""

from collections.abc import Iterator

import pytest
import redis
from openai import OpenAI

from project.embedded import paths
from tests.fakes.receiver import Receiver
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.clients import progress
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.openai import Chat
from tests.journeys.rows import Rows
from tests.journeys.service import Service

VENDOR_KEY = "sk-vendor-secret-0123456789"
# The origin of a customer's page.
PAGE = "https://app.example.com"


@pytest.fixture(scope="session")
def vendor() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="session")
def whole_web() -> Iterator[FakeWeb]:
    with FakeWeb() as fake:
        yield fake


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream, whole_web: FakeWeb) -> Iterator[Service]:
    """OpenAI and DeepSeek are configured, and SearXNG; xAI and the others are not."""
    env = {
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": vendor.base_url,
        "DEEPSEEK_API_KEY": VENDOR_KEY,
        "DEEPSEEK_BASE_URL": vendor.base_url,
        "SEARXNG_URL": whole_web.base_url,
        # One account may use three quarters of them: enough for sixty turns that are held at once.
        "WORKER_THREADS": "96",
        # Webhook receivers are on loopback, and the web.
        "OUTBOUND_ALLOW": "127.0.0.0/8",
        "CORS_ORIGINS": PAGE,
    }
    with (
        Service(data_dir=tmp_path_factory.mktemp("service") / "var", env=env) as running,
        progress.reporting(vendor, running),
    ):
        yield running


@pytest.fixture
def upstream(vendor: FakeUpstream) -> FakeUpstream:
    """The vendor, with no requests and no script yet."""
    vendor.reset()
    return vendor


@pytest.fixture
def web(whole_web: FakeWeb) -> FakeWeb:
    """The web, where nothing is found yet."""
    whole_web.reset()
    return whole_web


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="session")
def api(service: Service) -> Api:
    return Api(service.base_url, service.api_key)


@pytest.fixture(scope="session")
def retrying_sdk(service: Service) -> Iterator[OpenAI]:
    """With the SDK's own defaults: it retries twice."""
    with OpenAI(base_url=f"{service.base_url}/v1", api_key=service.api_key) as sdk:
        yield sdk


@pytest.fixture(scope="session")
def sdk(retrying_sdk: OpenAI) -> OpenAI:
    """Without retries."""
    return retrying_sdk.with_options(max_retries=0)


@pytest.fixture(scope="session")
def chat(service: Service) -> Chat:
    return Chat(service.base_url, service.api_key)


@pytest.fixture(scope="session")
def other_api(service: Service) -> Api:
    """A client of another account."""
    return Api(service.base_url, service.create_key("other"))


@pytest.fixture
def new_api(service: Service) -> Api:
    """A client of an account that no other test uses."""
    return Api(service.base_url, service.create_key(new_id()))


@pytest.fixture
def own_api(own_service: Service) -> Api:
    """A client of `own_service`, which a module defines for itself."""
    return Api(own_service.base_url, own_service.api_key)


@pytest.fixture
def own_rows(own_service: Service) -> Iterator[Rows]:
    with Rows.of(own_service) as rows:
        yield rows


@pytest.fixture(scope="session")
def rows(service: Service) -> Iterator[Rows]:
    with Rows.of(service) as rows:
        yield rows


@pytest.fixture
def valkey(service: Service) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(paths.redis_url(service.data_dir)) as client:
        yield client


@pytest.fixture
def nothing_stored_or_asked(upstream: FakeUpstream, rows: Rows) -> Iterator[None]:
    """Checks after the test that it has stored no row and asked the vendor nothing."""
    before = rows.counts()
    yield
    assert upstream.requests == []
    assert rows.counts() == before
