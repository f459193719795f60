"""Journey: at DEBUG the log has more detail, and still no texts, bodies or secrets."""

import re
from collections.abc import Iterator

import pytest

from tests.fakes.receiver import Receiver, answers
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import SSE, Api
from tests.journeys.clients.webhooks import make
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.service import Service

LIBRARIES = (
    "httpcore",
    "httpx",
    "hpack",
    "celery",
    "kombu",
    "redis",
    "asyncio",
    "django",
    "psycopg",
    "amqp",
    "uvicorn",
)
LOGGER = re.compile(r" level=debug .*logger=(\S+)")


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream) -> Iterator[Service]:
    env = {
        "LOG_LEVEL": "DEBUG",
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": vendor.base_url,
        "OUTBOUND_ALLOW": "127.0.0.0/8",
    }
    with Service(data_dir=tmp_path_factory.mktemp("debug") / "var", env=env) as running:
        yield running


def test_no_text_of_a_turn_and_its_delivery_is_logged(
    own_service: Service, upstream: FakeUpstream, receiver: Receiver
) -> None:
    key = own_service.create_key("ann")
    api = Api(own_service.base_url, key)
    endpoint = make(api, receiver.url)
    upstream.script(says("the-answer-word"))
    receiver.script(answers(200, b"the-receivers-body", {"X-Receiver": "the-receivers-header"}))

    with api.ask("the-question-word", accept=SSE) as response:
        assert "the-answer-word" in response.text
    deliveries = receiver.wait(1)

    assert own_service.stop() == 0
    quoted = [
        *("the-question-word", "the-answer-word", "the-receivers-body", "the-receivers-header", key, VENDOR_KEY),
        *(endpoint["secret"], *(one.headers["webhook-signature"] for one in deliveries)),
    ]
    assert [one for one in quoted if one in own_service.log] == []
    assert {name for name in LOGGER.findall(own_service.log) if name.split(".")[0] in LIBRARIES} == set()
