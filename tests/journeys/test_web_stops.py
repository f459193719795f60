"""Journey: the web process is told to stop while somebody waits, and the answer is found afterwards."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.asking import Api, eventually, new_id, refusal
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.service import Service


@pytest.fixture
def own_service(tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream) -> Iterator[Service]:
    env = {"OPENAI_API_KEY": VENDOR_KEY, "OPENAI_BASE_URL": vendor.base_url}
    running = Service(data_dir=tmp_path_factory.mktemp("stopping") / "var", env=env)
    try:
        yield running.start()
    finally:
        running.stop()


def test_waiters_are_told_at_once_and_find_the_answer_later(own_service: Service, upstream: FakeUpstream) -> None:
    api, thread = Api(own_service.base_url, own_service.api_key), new_id()
    upstream.script(says("Here ", "it is").stalled_after(1))

    with ThreadPoolExecutor(1) as threads:
        waiter = threads.submit(api.ask, "Where?", id=thread)
        upstream.wait_for_requests(1)
        os.kill(own_service.pids("web")[0], signal.SIGTERM)
        told = waiter.result(timeout=2.0)
    upstream.release()

    assert refusal(told) == (503, "api_error", "The service is restarting. The run goes on; its id is in X-Run-Id.")
    assert told.headers["Retry-After"] == "2"
    found = eventually(
        lambda: _answer(api, told.headers["X-Run-Id"]), lambda response: response is not None, within=20.0
    )
    assert found is not None
    assert found.json() == {"id": thread, "answer": "Here it is"}
    assert len(upstream.requests) == 1


def _answer(api: Api, run_id: str) -> requests.Response | None:
    """None while the web process is not back."""
    try:
        url = f"{api.base_url}/api/v1/runs/{run_id}/stream?format=json"
        response = requests.get(url, headers=api.headers, timeout=10.0)
    except requests.ConnectionError:
        return None
    return response if response.status_code == 200 else None
