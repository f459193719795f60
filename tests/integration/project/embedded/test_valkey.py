"""The private Valkey."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from project.embedded import binaries, paths, stores
from project.embedded.valkey import Valkey

MAX_MEMORY = 20_000_000


@pytest.fixture
def valkey(tmp_path: Path) -> Valkey:
    return Valkey(data_dir=tmp_path / "var", program=binaries.valkey_server(), max_memory=MAX_MEMORY)


@contextmanager
def running(valkey: Valkey) -> Iterator[redis.Redis]:
    log = valkey.data_dir.with_name("valkey.log")
    with (
        stores.running([valkey], log=log),
        redis.Redis.from_url(paths.redis_url(valkey.data_dir), decode_responses=True) as client,
    ):
        yield client


def test_keeps_queued_work_over_a_restart(valkey: Valkey) -> None:
    with running(valkey) as client:
        client.lpush("queue", "run 7")

    with running(valkey) as client:
        found = client.lrange("queue", 0, -1)

    assert found == ["run 7"]


def test_listens_on_its_private_socket_alone(valkey: Valkey) -> None:
    with running(valkey) as client:
        port = client.config_get("port")

    assert port == {"port": "0"}
    assert (paths.socket_dir(valkey.data_dir)).stat().st_mode & 0o777 == 0o700


def test_evicts_what_expires_and_keeps_queued_work(valkey: Valkey) -> None:
    with running(valkey) as client:
        client.lpush("queue", *range(1_000))
        for number in range(40):
            client.set(f"log {number}", "x" * 1_000_000, ex=3600)
        evicted, memory = client.info("stats")["evicted_keys"], client.info("memory")

        assert client.llen("queue") == 1_000
        assert not client.exists("log 0")
        assert client.exists("log 39")
        assert evicted > 0
        assert memory["used_memory_dataset"] < MAX_MEMORY


def test_evicts_last_what_is_used_all_the_time(valkey: Valkey) -> None:
    with running(valkey) as client, redis.Redis.from_url(paths.redis_url(valkey.data_dir)) as raw:
        client.set("counted", "1", ex=60)
        client.set("log", "x" * 1_000_000)
        log = raw.dump("log")
        for number in range(60):
            # Unused for two minutes.
            raw.restore(f"log {number}", 3_600_000, log, idletime=120)
            assert client.get("counted") == "1"

        assert client.info("stats")["evicted_keys"] > 20


def test_refuses_writes_when_nothing_may_be_evicted(valkey: Valkey) -> None:
    with running(valkey) as client:
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            push_for_ever(client)

        assert client.llen("queue") > 10


def push_for_ever(client: redis.Redis) -> None:
    while True:
        client.rpush("queue", "x" * 1_000_000)
