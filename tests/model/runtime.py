"""The real side: one running service, what its user can do to it and see of it, and what can happen to it."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson
import redis
import requests

from conversations.relay import codec, log_marker
from providers.events import TextDelta
from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys import books
from tests.journeys.clients import runs
from tests.journeys.clients.aichat import MODEL, PATH, Api
from tests.journeys.rows import RUNS, Rows
from tests.journeys.service import Service
from tests.model.expectations import Ask, Turn
from tests.model.reader import FORMS, Reader
from tests.waiting import eventually

# A dead worker's runs go on within 15 s. Whoever waits longer waits in vain.
PATIENCE_SECONDS = 40.0
# Requests one after the other, each of as many steps inside the web process as what they are to overtake.
SETTLING_REQUESTS = 4
# The supervisor delays the restart of a child that ends more than four times in half a minute.
BETWEEN_KILLS_SECONDS = 8.0


@dataclass(frozen=True)
class Runtime:
    """A running service and its stores."""

    service: Service
    api: Api
    upstream: FakeUpstream
    valkey: redis.Redis
    rows: Rows
    # Whether the account of `api` pays for its turns.
    is_metered: bool = False
    _last_kills: dict[str, float] = field(default_factory=dict)

    def ask(self, ask: Ask) -> Reader:
        body = {"model": MODEL, "question": ask.question, **({"id": ask.thread} if ask.thread else {})}
        headers = {"X-On-Busy": ask.on_busy, **({"Idempotency-Key": ask.key} if ask.key else {})}
        return self._reader("POST", PATH, form=ask.form, headers=headers, body=body)

    def attach(self, run_id: str, *, form: str, after: int) -> Reader:
        return self._reader("GET", f"/api/v1/runs/{run_id}/stream?starting_after={after}", form=form)

    def _reader(
        self, method: str, path: str, *, form: str, headers: dict[str, str] | None = None, body: Json | None = None
    ) -> Reader:
        data = None if body is None else orjson.dumps(body)
        sent = {**self.api.headers, "Accept": FORMS[form], **(headers or {})}
        return Reader(port=self.service.port, method=method, path=path, headers=sent, body=data)

    def runs(self, *, since: str = "") -> list[Json]:
        """Those after the run `since`, the newest first."""
        found: list[Json] = self._get("/api/v1/runs?limit=100")["results"]
        ids = [run["id"] for run in found]
        return found[: ids.index(since)] if since in ids else found

    def money(self) -> tuple[Decimal, Decimal, int | None]:
        """What the account has, what of it is reserved, and how many calls it has left; None for any number."""
        found = self._get("/api/v1/balance")
        return Decimal(found["balance"]), Decimal(found["reserved"]), found["calls_left"]

    def entries(self, run_id: str) -> list[str]:
        """The kinds of a run's entries in the ledger."""
        return [kind for kind, *_ in books.entries(self.rows, run_id)]

    def cancel(self, run_id: str) -> Json:
        return runs.cancel(self.api, run_id)

    def _get(self, path: str) -> Any:
        response = requests.get(self.api.base_url + path, headers=self.api.headers, timeout=PATIENCE_SECONDS)
        assert response.status_code == 200, response.text
        return response.json()

    def log(self, run_id: str, turn: Turn) -> list[str]:
        """The texts in a run's log, by position: the only sign of a word that nobody reads yet."""
        entries = self.valkey.xrange(codec.log_key(run_id, turn.attempt))
        assert isinstance(entries, list)
        items = codec.load_log(entries)
        assert [item.position for item in items] == list(range(1, len(items) + 1)), items
        return [item.event.text for item in items if isinstance(item.event, TextDelta)]

    def is_marked_as_stream(self, run_id: str) -> bool | None:
        """None when the run has ended: nobody needs the mark any more."""
        (run,) = self.rows.all(f"SELECT is_streamed FROM {RUNS} WHERE public_id = %s", run_id)
        is_streamed: bool | None = run["is_streamed"]
        return is_streamed

    def remembers_worker(self) -> bool:
        """Whether Valkey still has the log markers of the workers of all runs in progress."""
        sql = "SELECT name FROM conversations_worker WHERE id IN (SELECT worker_id FROM conversations_activerun)"
        return all(log_marker.remembers(self.valkey, worker_name=row["name"]) for row in self.rows.all(sql))

    def settle(self) -> None:
        """Wait until the web process has handled what was sent before."""
        for _ in range(SETTLING_REQUESTS):
            self.runs()

    def flush(self) -> None:
        self.valkey.flushall()

    def kill_worker(self) -> None:
        self._kill("worker")

    def freeze_worker(self, *, until: Callable[[], bool]) -> None:
        (pid,) = self.service.pids("worker")
        os.kill(pid, signal.SIGSTOP)
        try:
            eventually(until, bool, within=PATIENCE_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)

    def kill_web(self) -> None:
        self._kill("web")
        eventually(self._is_up, bool, within=PATIENCE_SECONDS)

    def _kill(self, role: str) -> None:
        since_last = time.monotonic() - self._last_kills.get(role, 0.0)
        time.sleep(max(0.0, BETWEEN_KILLS_SECONDS - since_last))
        eventually(lambda: self.service.pids(role), bool)  # the supervisor may be about to start it
        self.service.kill(role)
        self._last_kills[role] = time.monotonic()

    def _is_up(self) -> bool:
        try:
            return requests.get(f"{self.api.base_url}/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False
