"""Journey: workers are woken through another Redis than the one with the live logs, or through RabbitMQ."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from kombu import Connection

from project.embedded import binaries, paths, process, stores
from project.embedded.process import Command
from tests.journeys.clients import tasks
from tests.journeys.clients.aichat import Api
from tests.journeys.service import Service, free_port
from tests.waiting import eventually

KEY = "sk-given-by-the-operator"
START_SECONDS = 60.0


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    """A second Valkey."""
    data_dir = tmp_path / "broker"
    valkey = stores.valkey(data_dir=data_dir, max_memory=20_000_000, is_durable=False)
    with stores.running([valkey], log=tmp_path / "broker.log"):
        yield paths.redis_url(data_dir)


def test_wake_ups_go_through_a_redis_of_their_own(tmp_path: Path, broker_url: str) -> None:
    env = {"PARLEY_API_KEY": KEY, "PARLEY_BROKER_URL": broker_url}
    with (
        Service(data_dir=tmp_path / "var", env=env) as service,
        redis.Redis.from_url(broker_url) as broker,
        redis.Redis.from_url(paths.redis_url(service.data_dir)) as live_logs,
    ):
        answer = Api(service.base_url, KEY).answer("Two stores", model="echo")
        received = broker.info("commandstats").get("cmdstat_lpush", {}).get("calls", 0)
        logs = [key for key in live_logs.scan_iter() if key.startswith(b"parley:")]

        assert "Two stores" in answer["answer"]
        assert service.readiness() == (200, [])
    assert received >= 1
    assert [key for key in broker_keys(broker_url) if key.startswith(b"parley:")] == []
    assert logs != []


def broker_keys(url: str) -> list[bytes]:
    with redis.Redis.from_url(url) as client:
        return list(client.scan_iter())


def test_refuses_a_redis_cluster(tmp_path: Path) -> None:
    port = free_port()
    ports = f"--port {port} --cluster-port {free_port()} --bind 127.0.0.1"
    args = f"{ports} --cluster-enabled yes --save '' --dir {tmp_path}"
    command = Command(args=[str(binaries.valkey_server()), *shlex.split(args)], env={"PATH": os.defpath})
    with (tmp_path / "cluster.log").open("wb") as log:
        cluster = process.start(command, output=log.fileno())
    try:
        with redis.Redis(port=port) as client:
            eventually(lambda: is_up(client), bool)
        service = Service(data_dir=tmp_path / "var", env={"REDIS_URL": f"redis://127.0.0.1:{port}/0"})
        service.launch()

        assert service.wait() == 1
    finally:
        cluster.kill()
        cluster.wait()
    assert service.log.splitlines()[-1].startswith("Parley cannot start: REDIS_URL: a Redis Cluster cannot be used: ")


def is_up(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("amqp://me:hunter2-secret@127.0.0.1:1//", "OperationalError"),
        ("redis://:hunter2-secret@127.0.0.1:1/0", "ConnectionError"),
    ],
)
def test_refuses_a_broker_that_is_away(tmp_path: Path, url: str, cause: str) -> None:
    service = Service(data_dir=tmp_path / "var", env={"PARLEY_BROKER_URL": url})
    service.launch()

    assert service.wait() == 1
    assert service.log.splitlines()[-1] == (
        f"Parley cannot start: The broker does not answer (PARLEY_BROKER_URL): {cause}"
    )
    assert "hunter2" not in service.log


class RabbitMQ:
    """A node of the test's own. Debian's package and others have its programs here or on the PATH."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._log = directory.with_suffix(".log")
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._env = {
            "PATH": f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}",
            "HOME": str(directory),
            "RABBITMQ_NODENAME": f"parley-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("rabbitmq-server", path=self._env["PATH"])
        assert program is not None, "install rabbitmq-server first"
        self._server = subprocess.Popen([program], env=self._env, stdout=subprocess.DEVNULL, start_new_session=True)
        eventually(self._is_up, bool, within=START_SECONDS)

    def _is_up(self) -> bool:
        try:
            with Connection(self.url, connect_timeout=1) as connection:
                connection.connect()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[RabbitMQ]:
    node = RabbitMQ(tmp_path / "rabbitmq")
    (tmp_path / "rabbitmq").mkdir()
    try:
        node.start()
        yield node
    finally:
        node.kill()


@pytest.mark.rabbitmq
@pytest.mark.timeout(300)
def test_works_with_rabbitmq_and_survives_its_end(tmp_path: Path, rabbitmq: RabbitMQ) -> None:
    env = {"PARLEY_API_KEY": KEY, "PARLEY_BROKER_URL": rabbitmq.url}
    with Service(data_dir=tmp_path / "var", env=env) as service:
        api = Api(service.base_url, KEY)
        before = api.answer("Before", model="echo")
        rabbitmq.kill()
        eventually(service.readiness, lambda seen: seen == (503, ["broker"]))
        asked = api.answer("Meanwhile", model="echo", **tasks.LATER)
        rabbitmq.start()
        eventually(service.readiness, lambda seen: seen == (200, []), within=START_SECONDS)
        done = tasks.ended(api, asked["task_id"])
        after = api.answer("After", model="echo")

    assert before["answer"].endswith("Before")
    assert done["response"]["answer"].endswith("Meanwhile")
    assert after["answer"].endswith("After")
