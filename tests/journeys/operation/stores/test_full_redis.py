"""Journey: a full Valkey continues to serve as long as it can evict something."""

import contextlib
from collections.abc import Iterator

import pytest
import redis

from project.embedded import paths
from tests.fakes.receiver import Receiver
from tests.journeys.clients.aichat import SSE, Api, new_id
from tests.journeys.clients.webhooks import make
from tests.journeys.service import Service
from tests.waiting import eventually

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    env = {"VALKEY_MAX_MEMORY": str(20 * MEGABYTE), "OUTBOUND_ALLOW": "127.0.0.0/8"}
    with Service(data_dir=tmp_path_factory.mktemp("full") / "var", env=env) as running:
        yield running


@pytest.fixture
def own_valkey(own_service: Service) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(paths.redis_url(own_service.data_dir)) as client:
        yield client


def fill(valkey: redis.Redis) -> None:
    """Fill it with keys that expire, until many have been evicted."""
    before = valkey.info("stats")["evicted_keys"]
    while valkey.info("stats")["evicted_keys"] < before + 10:
        valkey.set(f"filling {new_id()}", "x" * MEGABYTE, ex=3600)


def fill_for_good(valkey: redis.Redis) -> None:
    """Fill it completely with a key that does not expire."""
    for size in (10_000, 100):
        with contextlib.suppress(redis.exceptions.OutOfMemoryError):
            while True:
                valkey.rpush("filling", "x" * size)


def test_turns_streams_and_deliveries_continue_when_it_is_full(
    own_service: Service, own_api: Api, own_valkey: redis.Redis, receiver: Receiver
) -> None:
    endpoint, thread = make(own_api, receiver.url), new_id()
    fill(own_valkey)

    whole = own_api.ask("one", model="echo", id=thread)
    fill(own_valkey)
    streamed = own_api.ask("two", model="echo", id=thread, accept=SSE)
    fill(own_valkey)

    assert whole.json()["answer"].endswith("The last question: one")
    assert streamed.text.count("[DONE]") == 1
    assert "The last question: two" in streamed.text.replace('"}\n\ndata: {"', "")  # the text comes in several events
    received = receiver.wait(3)
    assert len({posted.headers["webhook-id"] for posted in received}) == 3
    assert endpoint["enabled"] is True
    eventually(own_service.readiness, lambda seen: seen == (200, []))


def test_it_is_not_ready_while_nothing_can_be_evicted(
    own_service: Service, own_api: Api, own_valkey: redis.Redis
) -> None:
    eventually(own_service.readiness, lambda seen: seen == (200, []))

    def refilled() -> tuple[int, list[str]]:
        # Valkey frees the buffers that it needed while it was filled.
        fill_for_good(own_valkey)
        return own_service.readiness()

    unready = eventually(refilled, lambda seen: seen[0] != 200)
    own_valkey.delete("filling")

    assert unready == (503, ["redis"])
    eventually(own_service.readiness, lambda seen: seen == (200, []))
    assert own_api.ask("three", model="echo").status_code == 200
