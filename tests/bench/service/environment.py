"""One running service with its upstream, and how the cost of a job is measured."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import redis

from project.embedded import paths
from tests.bench.load.job import Form, Job, Outcome
from tests.bench.load.script import Script
from tests.bench.service import accounting
from tests.bench.service.accounting import ByRole, Snapshot
from tests.bench.service.programs import BenchFailed, Generator, Upstream
from tests.journeys.service import Service

API_KEY = "sk-bench-0123456789abcdefghij"
ADMIN_PASSWORD = "the-bench-looks-at-it"
COMPLETE_SECONDS = 20.0
# Turns of a conversation: the last has a history of three turns, the average is one and a half.
TURNS_EACH = 4
# The service is calm when it used less than this share of a core during CALM_SECONDS.
CALM_CORES, CALM_SECONDS, CALM_WITHIN_SECONDS = 0.08, 0.4, 6.0


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds between two samples."""

    seconds: float
    service: ByRole
    upstream: float


@dataclass(frozen=True, slots=True)
class Sample:
    at: float
    service: Snapshot
    upstream: float


class Environment:
    """A running service and its upstream."""

    def __init__(self, *, service: Service, upstream: Upstream) -> None:
        self.service = service
        self.upstream = upstream
        self.is_first_start = not service.data_dir.exists()
        self.first_answer_seconds = 0.0

    def job(self, *, form: Form, clients: int, script: Script | None = None, turns: int, seconds: float) -> Job:
        """A job for the service; with `Form.UPSTREAM`, for the upstream directly."""
        return Job(
            port=self.upstream.port if form is Form.UPSTREAM else self.service.port,
            key=API_KEY,
            form=form,
            clients=clients,
            script=script or Script(),
            turns=turns,
            # Without a stored conversation there is no history.
            turns_each=TURNS_EACH if form.is_stored else 1,
            seconds=seconds,
        )

    def measure(self, job: Job, *, warm_up_seconds: float = 0.0) -> tuple[Outcome, Cost]:
        """Run a job; returns its outcome and cost. Raises BenchFailed when any answer was wrong."""
        if warm_up_seconds:
            self.load(replace(job, seconds=warm_up_seconds))
        self.wait_until_calm()
        before = self.sample()
        outcome = self.load(job)
        return outcome, self.cost_since(before)

    def restart(self) -> None:
        """Stop the service and start it again, with all its processes up."""
        self.service.stop()
        _start(self)

    def load(self, job: Job) -> Outcome:
        with Generator(job) as generator:
            return generator.outcome()

    def sample(self) -> Sample:
        upstream = accounting.cpu_seconds(self.upstream.process.pid)
        return Sample(time.monotonic(), accounting.snapshot(self.service), upstream)

    def cost_since(self, before: Sample) -> Cost:
        """The cost since `before`. Raises BenchFailed when a process of the service ended meanwhile."""
        now = self.sample()
        return Cost(now.at - before.at, now.service.since(before.service), now.upstream - before.upstream)

    def wait_until_calm(self) -> None:
        """Wait until earlier work is done, but not longer than CALM_WITHIN_SECONDS."""
        deadline = time.monotonic() + CALM_WITHIN_SECONDS
        while time.monotonic() < deadline:
            before = self.sample()
            time.sleep(CALM_SECONDS)
            if sum(self.cost_since(before).service.values()) < CALM_CORES * CALM_SECONDS:
                return

    def database(self) -> "psycopg.Connection[tuple[int, ...]]":
        return psycopg.connect(paths.database_url(self.service.data_dir), autocommit=True)

    def database_connections(self) -> int:
        """Connections of the service, without our own."""
        with self.database() as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
        assert found
        return found[0]

    def redis_connections(self) -> int:
        """Connections of the service, without our own."""
        with redis.Redis.from_url(paths.redis_url(self.service.data_dir)) as client:
            return len(client.client_list()) - 1


@contextlib.contextmanager
def running(*, data_dir: Path, worker_processes: int, worker_threads: int) -> Iterator[Environment]:
    """A service with all its processes up. Raises BenchFailed with its log when it breaks."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(Upstream())
        env = {
            "PARLEY_API_KEY": API_KEY,
            "PARLEY_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "OPENAI_API_KEY": "sk-vendor",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.port}/v1",
            # Held answers are silent while they are measured.
            "UPSTREAM_READ_TIMEOUT": "600",
            # Requests are counted, but never refused.
            "REQUESTS_PER_MINUTE": "1000000",
            # Counted, but never refused.
            "CONCURRENT_RUNS": "1000000",
            "BYTES_PER_MINUTE": "60000000000",
            "WORKER_PROCESSES": str(worker_processes),
            "WORKER_THREADS": str(worker_threads),
        }
        service = Service(data_dir=data_dir, env=env, from_nothing=True)
        stack.callback(service.stop)
        environment = Environment(service=service, upstream=upstream)
        _start(environment)
        yield environment


def _start(environment: Environment) -> None:
    began = time.monotonic()
    try:
        environment.service.start()
    except AssertionError as exc:
        raise BenchFailed(str(exc)) from exc
    environment.load(environment.job(form=Form.JSON, clients=1, turns=1, seconds=10))
    environment.first_answer_seconds = time.monotonic() - began
    while missing := accounting.missing_roles(environment.service):
        if time.monotonic() > began + COMPLETE_SECONDS:
            raise BenchFailed(f"no {missing} after {COMPLETE_SECONDS} s")
        time.sleep(0.1)
