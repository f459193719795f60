"""Journey: the clocks of database and application differ. Only the database's decides on leases and due times."""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.fakes import database_clock
from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.faults.harness import stores
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.webhooks import make
from tests.journeys.rows import RUNS, Rows
from tests.journeys.service import Service
from tests.waiting import eventually

DATABASE = "parley_shifted"
# The application's clock minus the database's.
AHEAD, BEHIND = timedelta(seconds=9), timedelta(seconds=-30)
# A copy of a turn, held by a worker whose last heartbeat is a little more than a lease ago.
LOST_TURN = """
WITH dead AS (
  INSERT INTO conversations_worker (name, queue, heartbeat_at)
  VALUES (%s, 'runs', now() - interval '8.5 seconds') RETURNING id
), run AS (
  INSERT INTO conversations_run (account_id, public_id, channel, trace_id, dialect, model, context_window, request)
  SELECT account_id, %s, %s, trace_id, dialect, model, context_window, request FROM conversations_run WHERE id = %s
  RETURNING id, account_id
)
INSERT INTO conversations_activerun (run_id, account_id, status, attempt, claimed_at, worker_id)
SELECT run.id, run.account_id, 'in_progress', 1, now(), dead.id FROM run, dead
RETURNING run_id AS id
"""
# Less than the difference of the clocks when the application is behind.
SOON = 25.0


@pytest.fixture(scope="module", params=[AHEAD, BEHIND], ids=["ahead", "behind"])
def shifted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, FakeUpstream, Rows]]:
    directory = tmp_path_factory.mktemp("shifted")
    with stores.new_database(DATABASE) as conninfo, FakeUpstream() as upstream:
        database_clock.shift(conninfo, -request.param)
        with running(directory, upstream) as service, contextlib.closing(Rows(conninfo)) as rows:
            yield service, upstream, rows


@contextlib.contextmanager
def running(directory: Path, upstream: FakeUpstream) -> Iterator[Service]:
    env = {
        "DATABASE_URL": urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{DATABASE}").geturl(),
        "OPENAI_API_KEY": "sk-vendor",
        "OPENAI_BASE_URL": upstream.base_url,
        "OUTBOUND_ALLOW": "127.0.0.0/8",
    }
    with Service(data_dir=directory / "var", env=env) as service:
        yield service


def lost_turn(rows: Rows, name: str) -> Json:
    """A sweep finds it; it is restarted and answered."""
    (newest,) = rows.all("SELECT max(id) AS id FROM conversations_run")
    (lost,) = rows.all(LOST_TURN, name, name, name, newest["id"])
    sql = f"SELECT status, attempt, attempts_lost FROM {RUNS} WHERE id = %s"
    return eventually(lambda: rows.all(sql, lost["id"])[0], lambda run: run["status"] == "completed", within=SOON)


def test_a_running_turn_goes_on_while_lost_ones_are_found(shifted: tuple[Service, FakeUpstream, Rows]) -> None:
    service, upstream, rows = shifted
    api = Api(service.base_url, service.api_key)
    upstream.script(says("It takes", " its time").stalled_after(1))

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(api.ask, "Long?", id="long")
        upstream.wait_for_requests(1)
        found = [lost_turn(rows, f"dead-{number}") for number in (1, 2)]
        upstream.release()
        answer = running.result()

    assert found == [{"status": "completed", "attempt": 2, "attempts_lost": 1}] * 2
    assert answer.json() == {"id": "long", "answer": "It takes its time"}
    run = rows.run(answer)
    assert (run["status"], run["attempt"], run["attempts_lost"]) == ("completed", 1, 0)
    assert run["created_at"] <= run["claimed_at"] <= run["first_token_at"] <= run["finished_at"]


def test_webhooks_are_sent_at_once_and_their_times_are_in_order(
    shifted: tuple[Service, FakeUpstream, Rows],
) -> None:
    service, _, rows = shifted
    api = Api(service.base_url, service.api_key)
    with Receiver() as receiver:
        make(api, receiver.url, "run.completed")
        api.answer("Hello")
        assert len(receiver.wait(1, within=SOON)) == 1

    sql = """SELECT d.created_at, a.started_at, d.finished_at FROM conversations_delivery d
             JOIN conversations_deliveryattempt a ON a.delivery_id = d.id WHERE d.status = 'succeeded'"""
    (times,) = eventually(lambda: rows.all(sql), bool)
    assert times["created_at"] <= times["started_at"] <= times["finished_at"]


def test_readyz_sees_that_the_workers_are_alive(shifted: tuple[Service, FakeUpstream, Rows]) -> None:
    service, _, _ = shifted

    assert requests.get(f"{service.base_url}/readyz", timeout=10).status_code == 200
