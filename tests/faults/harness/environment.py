"""The service with a scripted vendor behind it, on stores that a test can reach, hold up and break."""

import contextlib
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis
import requests

from project.embedded import paths
from tests.fakes.defaults import last_text
from tests.fakes.replies import Json, Reply, says
from tests.fakes.upstream import FakeUpstream, Received
from tests.faults.harness import stores
from tests.faults.harness.tcp_proxy import Gate
from tests.faults.harness.wire_parsers import PostgresWire, ValkeyWire
from tests.journeys import processes
from tests.journeys.clients.aichat import Api, Rows, eventually
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.service import Service

DEAD_SECONDS = 30.0
READY_SECONDS = 60.0
UNPLANNED = says("Nobody planned this call.")


@dataclass
class Stage:
    service: Service
    upstream: FakeUpstream
    database_url: str
    valkey: redis.Redis
    # What the vendor says to each question, call by call.
    plans: dict[str, deque[Reply]] = field(default_factory=lambda: defaultdict(deque))
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.rows = Rows(self.database_url)

    def close(self) -> None:
        self.rows.close()
        self.valkey.close()

    @property
    def api(self) -> Api:
        return Api(self.service.base_url, self.service.api_key)

    def begin_anew(self) -> None:
        """Nothing asked, nothing planned; and the service answers."""
        self.upstream.reset()
        self.upstream.default = self.reply
        self.plans.clear()
        eventually(self._is_ready, bool, within=READY_SECONDS)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.service.base_url}/readyz", timeout=READY_SECONDS).status_code == 200
        except requests.RequestException:
            return False

    def plan(self, question: str, *replies: Reply) -> None:
        self.plans[question].extend(replies)

    def calls(self, question: str) -> list[Received]:
        """What the vendor was asked, so far, with this as the last message."""
        return [request for request in self.upstream.requests if last_text(request.body) == question]

    def kill(self, role: str) -> float:
        """kill -9 every process of a role; when they are gone, returns when that was (Unix time)."""
        doomed = [process for process in self.service.processes() if process.role == role]
        assert doomed, f"There is no {role}"
        killed_at = self.now()
        self.service.kill(role)
        assert processes.left_of(doomed, within=DEAD_SECONDS) == []
        return killed_at

    def connect_again(self) -> None:
        """To a database that went away: as soon as it is back."""
        self.rows.close()
        self.rows = eventually(self._rows, lambda rows: rows is not None, within=READY_SECONDS) or self.rows

    def _rows(self) -> Rows | None:
        try:
            return Rows(self.database_url)
        except psycopg.OperationalError:
            return None

    def now(self) -> float:
        """Unix time, which the rows' times can be compared with."""
        return time.time()

    def newest_run(self) -> int:
        return int(self.rows.all("SELECT coalesce(max(id), 0) AS id FROM conversations_run")[0]["id"])

    def run_after(self, newest: int) -> Json:
        """The run that was accepted after that one, as soon as it has committed."""
        sql = "SELECT * FROM conversations_run WHERE id > %s"
        (run,) = eventually(lambda: self.rows.all(sql, newest), lambda runs: len(runs) == 1)
        return run

    def reply(self, body: Json) -> Reply:
        plan = self.plans[last_text(body)]
        return plan.popleft() if plan else UNPLANNED


@dataclass
class GatedStage(Stage):
    """Everything the service says to its stores goes through the two gates."""

    database: Gate = field(kw_only=True)
    broker: Gate = field(kw_only=True)
    # Whether the account has an endpoint that is told of the ends of its runs.
    is_watched: bool = field(default=False, kw_only=True)


@contextlib.contextmanager
def gated(directory: Path) -> Iterator[GatedStage]:
    """On the stores of the test run, in databases of its own."""
    with contextlib.ExitStack() as stack:
        database_url = stack.enter_context(stores.new_database())
        database = stack.enter_context(Gate(stores.postgres_address(database_url), PostgresWire))
        broker = stack.enter_context(Gate(stores.valkey_address(), ValkeyWire))
        env = {
            "DATABASE_URL": stores.database_url_through(database, database_url),
            "REDIS_URL": stores.valkey_url_through(broker),
            # Webhook receivers are on loopback.
            "OUTBOUND_ALLOW": "127.0.0.0/8",
        }
        service, upstream = stack.enter_context(_running(directory, env=env))
        valkey = redis.Redis.from_url(env["REDIS_URL"])
        stage = GatedStage(service, upstream, database_url, valkey, database=database, broker=broker)
        with contextlib.closing(stage):
            yield stage


@contextlib.contextmanager
def supervised(directory: Path, *, env: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """On the service's own embedded stores, which its supervisor starts again."""
    with _running(directory, env=env or {}) as (service, upstream):
        valkey = redis.Redis.from_url(paths.redis_url(service.data_dir))
        with contextlib.closing(Stage(service, upstream, paths.database_url(service.data_dir), valkey)) as stage:
            yield stage


@contextlib.contextmanager
def _running(directory: Path, *, env: Mapping[str, str]) -> Iterator[tuple[Service, FakeUpstream]]:
    with FakeUpstream() as upstream:
        vendor = {"OPENAI_API_KEY": VENDOR_KEY, "OPENAI_BASE_URL": upstream.base_url}
        service = Service(data_dir=directory / "var", env={**vendor, **env})
        try:
            yield service.start(), upstream
        finally:
            service.stop()
