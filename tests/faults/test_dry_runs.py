"""Dry runs, when their worker dies or Redis is away: an answer or a refusal, and nothing stored."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.receiver import answers_once
from tests.fakes.web import FakeWeb
from tests.faults.harness.environment import ProxiedEnvironment
from tests.journeys.clients.aichat import MODEL, new_id
from tests.waiting import eventually

pytestmark = pytest.mark.faults

DRY = {"X-Dry-Run": "true"}


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    with FakeWeb() as fake:
        yield fake


def test_another_worker_takes_what_a_dead_one_was_at(environment: ProxiedEnvironment, web: FakeWeb) -> None:
    released = threading.Event()
    page = web.page("/slow.txt", answers_once(released))
    body = {"model": MODEL, "question": "Well?", "references": [page], "id": new_id()}
    before = environment.rows.counts_of_all()

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(environment.api.post, body, headers=DRY)
        eventually(lambda: len(web.opened), lambda count: count == 1)
        environment.kill("worker")
        released.set()
        response = asked.result()

    assert response.status_code == 200, response.text
    assert response.json()["files"][0]["shown"] == "text"
    assert environment.rows.counts_of_all() == before
    assert environment.upstream.requests == []


def test_without_redis_it_is_refused_soon(environment: ProxiedEnvironment, web: FakeWeb) -> None:
    released = threading.Event()
    page = web.page("/slow.txt", answers_once(released))
    body = {"model": MODEL, "question": "Well?", "references": [page], "id": new_id()}

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(environment.api.post, body, headers=DRY)
        eventually(lambda: len(web.opened), lambda count: count == 1)
        environment.broker.shut()
        response = asked.result()
        environment.broker.open()
        released.set()

    assert response.status_code == 503, response.text
    again = {"model": MODEL, "question": "Hi"}
    eventually(lambda: environment.api.post(again, headers=DRY).status_code, lambda status: status == 200)
