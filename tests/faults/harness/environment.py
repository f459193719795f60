"""The service with a scripted vendor behind it, on stores that a test can query, hold and break."""

import contextlib
import copy
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
import redis
import requests

from project.embedded import paths
from tests.fakes.defaults import last_text
from tests.fakes.replies import Json, Reply, says
from tests.fakes.upstream import FakeUpstream, Received
from tests.faults.harness import stores
from tests.faults.harness.subscriber import ENDS, Subscriber, subscribed
from tests.faults.harness.tcp_proxy import TcpProxy
from tests.faults.harness.wire_parsers import PostgresParser, ValkeyParser
from tests.journeys import processes
from tests.journeys.clients.aichat import Api
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.rows import RUNS, Rows
from tests.journeys.service import Service
from tests.waiting import eventually

DEAD_SECONDS = 30.0
READY_SECONDS = 60.0
UNPLANNED = says("Nobody planned this call.")


@dataclass
class Environment:
    """A running service, its vendor and its stores."""

    service: Service
    upstream: FakeUpstream
    database_url: str
    valkey: redis.Redis
    # The vendor's replies to each question, in the order of its calls.
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

    def reset(self) -> None:
        """Clear what was asked and planned, and wait until the service is ready."""
        self.upstream.reset()
        self.upstream.default = self.reply
        self.plans.clear()
        eventually(self.is_ready, bool, within=READY_SECONDS)

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.service.base_url}/readyz", timeout=READY_SECONDS).status_code == 200
        except requests.RequestException:
            return False

    def plan(self, question: str, *replies: Reply) -> None:
        """The vendor's next replies to this question."""
        self.plans[question].extend(replies)

    def calls(self, question: str) -> list[Received]:
        """The vendor's calls so far whose last message was this question."""
        return [request for request in self.upstream.requests if last_text(request.body) == question]

    def kill(self, role: str) -> float:
        """Kill every process of a role (SIGKILL) and wait until they are gone. Returns the Unix time of the kill."""
        doomed = [process for process in self.service.processes() if process.role == role]
        assert doomed, f"There is no {role}"
        killed_at = self.now()
        self.service.kill(role)
        assert processes.left_of(doomed, within=DEAD_SECONDS) == []
        return killed_at

    def reconnect(self) -> None:
        """Connect to the database again, as soon as it is back."""
        self.rows.close()
        self.rows = eventually(self._rows, lambda rows: rows is not None, within=READY_SECONDS) or self.rows

    def _rows(self) -> Rows | None:
        try:
            return Rows(self.database_url)
        except psycopg.OperationalError:
            return None

    def now(self) -> float:
        """Unix time, to be compared with the times in rows."""
        return time.time()

    def newest_run(self) -> int:
        return int(self.rows.all("SELECT coalesce(max(id), 0) AS id FROM conversations_run")[0]["id"])

    def run_after(self, newest: int) -> Json:
        """The run that was accepted after `newest`, as soon as it is committed."""
        sql = f"SELECT * FROM {RUNS} WHERE id > %s"
        (run,) = eventually(lambda: self.rows.all(sql, newest), lambda runs: len(runs) == 1)
        return run

    def reply(self, body: Json) -> Reply:
        plan = self.plans[last_text(body)]
        return plan.popleft() if plan else UNPLANNED


@dataclass
class ProxiedEnvironment(Environment):
    """The service reaches its stores only through two proxies."""

    database: TcpProxy = field(kw_only=True)
    broker: TcpProxy = field(kw_only=True)
    # Whether the account has an endpoint that is notified of the ends of its runs.
    has_endpoint: bool = field(default=False, kw_only=True)

    @contextlib.contextmanager
    def of_account(self, name: str) -> Iterator["ProxiedEnvironment"]:
        """The same service and plans, for another account."""
        with self.with_key(self.service.create_key(name)) as environment:
            yield environment

    @contextlib.contextmanager
    def with_key(self, key: str) -> Iterator["ProxiedEnvironment"]:
        """The same service and plans, for the account of this API key."""
        service = copy.copy(self.service)
        service.api_key = key
        with contextlib.closing(replace(self, service=service)) as environment:
            yield environment

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[Subscriber]:
        """Meanwhile an endpoint is notified of the ends of the account's runs."""
        with subscribed(self.api, self.rows, *ENDS) as subscriber:
            self.has_endpoint = True
            try:
                yield subscriber
            finally:
                self.has_endpoint = False


@contextlib.contextmanager
def proxied(directory: Path) -> Iterator[ProxiedEnvironment]:
    """A service on the stores of the test run, in databases of its own."""
    with contextlib.ExitStack() as stack:
        database_url = stack.enter_context(stores.new_database())
        database = stack.enter_context(TcpProxy(stores.postgres_address(database_url), PostgresParser))
        broker = stack.enter_context(TcpProxy(stores.valkey_address(), ValkeyParser))
        env = {
            "DATABASE_URL": stores.database_url_through(database, database_url),
            "REDIS_URL": stores.valkey_url_through(broker),
            # Webhook receivers are on loopback.
            "OUTBOUND_ALLOW": "127.0.0.0/8",
        }
        service, upstream = stack.enter_context(_running(directory, env=env))
        valkey = redis.Redis.from_url(env["REDIS_URL"])
        environment = ProxiedEnvironment(service, upstream, database_url, valkey, database=database, broker=broker)
        with contextlib.closing(environment):
            yield environment


@contextlib.contextmanager
def supervised(directory: Path, *, env: Mapping[str, str] | None = None) -> Iterator[Environment]:
    """A service on its own embedded stores, which its supervisor restarts."""
    with _running(directory, env=env or {}) as (service, upstream):
        valkey = redis.Redis.from_url(paths.redis_url(service.data_dir))
        with contextlib.closing(
            Environment(service, upstream, paths.database_url(service.data_dir), valkey)
        ) as environment:
            yield environment


@contextlib.contextmanager
def _running(directory: Path, *, env: Mapping[str, str]) -> Iterator[tuple[Service, FakeUpstream]]:
    with FakeUpstream() as upstream:
        vendor = {"OPENAI_API_KEY": VENDOR_KEY, "OPENAI_BASE_URL": upstream.base_url}
        with Service(data_dir=directory / "var", env={**vendor, **env}) as service:
            yield service, upstream
