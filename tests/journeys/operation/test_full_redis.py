"""Journey: a full Valkey continues to serve as long as it can evict something."""

import contextlib
from collections.abc import Iterator

import pytest
import redis

from project.embedded import paths
from tests.fakes.receiver import Receiver
from tests.journeys.clients.aichat import SSE, Api, eventually, new_id
from tests.journeys.clients.webhooks import make
from tests.journeys.operation.test_readiness import readiness
from tests.journeys.service import Service

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    env = {"VALKEY_MAX_MEMORY": str(20 * MEGABYTE), "OUTBOUND_ALLOW": "127.0.0.0/8"}
    with Service(data_dir=tmp_path_factory.mktemp("small") / "var", env=env) as running:
        yield running


@pytest.fixture
def small_api(small: Service) -> Api:
    return Api(small.base_url, small.api_key)


@pytest.fixture
def small_valkey(small: Service) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(paths.redis_url(small.data_dir)) as client:
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


def test_turns_streams_and_deliveries_go_on_when_it_is_full(
    small_api: Api, small_valkey: redis.Redis, receiver: Receiver
) -> None:
    endpoint, thread = make(small_api, receiver.url), new_id()
    fill(small_valkey)

    whole = small_api.ask("one", model="echo", id=thread)
    fill(small_valkey)
    streamed = small_api.ask("two", model="echo", id=thread, accept=SSE)
    fill(small_valkey)

    assert whole.json()["answer"].endswith("The last question: one")
    assert streamed.text.count("[DONE]") == 1
    assert "The last question: two" in streamed.text.replace('"}\n\ndata: {"', "")  # the text comes in several events
    received = receiver.wait(3)
    assert len({posted.headers["webhook-id"] for posted in received}) == 3
    assert endpoint["enabled"] is True
    eventually(lambda: readiness(small_api), lambda seen: seen == (200, []))


def test_it_is_named_when_nothing_may_go_and_recovers_by_itself(small_api: Api, small_valkey: redis.Redis) -> None:
    eventually(lambda: readiness(small_api), lambda seen: seen == (200, []))

    def refilled() -> tuple[int, list[str]]:
        # Valkey frees the buffers that it needed while it was filled.
        fill_for_good(small_valkey)
        return readiness(small_api)

    unready = eventually(refilled, lambda seen: seen[0] != 200)
    small_valkey.delete("filling")

    assert unready == (503, ["redis"])
    eventually(lambda: readiness(small_api), lambda seen: seen == (200, []))
    assert small_api.ask("three", model="echo").status_code == 200
