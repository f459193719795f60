"""The private Valkey."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from project.embedded import binaries, paths, stores
from project.embedded.valkey import Valkey


@pytest.fixture
def valkey(tmp_path: Path) -> Valkey:
    return Valkey(data_dir=tmp_path / "var", program=binaries.valkey_server())


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


def test_never_drops_keys_to_make_room(valkey: Valkey) -> None:
    with running(valkey) as client:
        policy = client.config_get("maxmemory-policy")

    assert policy == {"maxmemory-policy": "noeviction"}
