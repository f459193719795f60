"""Journey: the web process is stopped while a caller waits; the answer is found afterwards."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.fakes.replies import says
from tests.fakes.upstream import PATIENCE_SECONDS, FakeUpstream
from tests.journeys.clients import progress
from tests.journeys.clients.aichat import SSE, Api, new_id, refusal
from tests.journeys.clients.streams import APART, WHOLE, attach, blocks, events, position, text
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.service import Service
from tests.waiting import eventually

# A response before this time did not wait for streams to end.
LONG_DRAIN_SECONDS = 100.0


@pytest.fixture
def own_service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream
) -> Iterator[Service]:
    """The parameter is DRAIN_SECONDS."""
    env = {"OPENAI_API_KEY": VENDOR_KEY, "OPENAI_BASE_URL": vendor.base_url}
    env |= {"DRAIN_SECONDS": str(request.param)} if hasattr(request, "param") else {}
    with (
        Service(data_dir=tmp_path_factory.mktemp("stopping") / "var", env=env) as running,
        progress.reporting(vendor, running),
    ):
        yield running


@pytest.mark.parametrize("own_service", [LONG_DRAIN_SECONDS], indirect=True, ids=["draining for long"])
def test_waiting_callers_are_refused_at_once_and_get_their_answer_later(
    own_service: Service, upstream: FakeUpstream
) -> None:
    api, thread = Api(own_service.base_url, own_service.api_key), new_id()
    upstream.script(says("Here ", "it is").stalled_after(1))

    with ThreadPoolExecutor(1) as threads:
        waiter = threads.submit(api.ask, "Where?", id=thread)
        upstream.wait_for_requests(1)
        os.kill(own_service.pids("web")[0], signal.SIGTERM)
        response = waiter.result(PATIENCE_SECONDS)
    upstream.release()

    assert refusal(response) == (503, "api_error", "The service is restarting. The run goes on; its id is in X-Run-Id.")
    assert response.headers["Retry-After"] == "2"
    found = eventually(lambda: _answer(api, response.headers["X-Run-Id"]), lambda response: response is not None)
    assert found is not None
    assert found.json() == {"id": thread, "answer": "Here it is"}
    assert len(upstream.requests) == 1


def test_a_cut_stream_does_not_look_complete_and_can_be_resumed(own_service: Service, upstream: FakeUpstream) -> None:
    """Incomplete in HTTP and without [DONE], so that an EventSource reconnects and a program notices."""
    api = Api(own_service.base_url, own_service.api_key)
    upstream.script(APART.stalled_after(4))

    with api.ask("Hello", id=new_id(), accept=SSE, stream=True) as first:
        run_id = first.headers["X-Run-Id"]
        read = blocks(first)
        seen = [next(read) for _ in range(3)]
        os.kill(own_service.pids("web")[0], signal.SIGTERM)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            seen += read
    eventually(lambda: _answers(api), bool)
    upstream.release()
    rest = events(attach(api, run_id, headers={"Last-Event-ID": str(position(seen[-1]))}))

    assert text(seen + rest) == WHOLE
    assert [position(event) for event in seen + rest] == [1, 2, 3, 4, 5, 7]
    assert len(upstream.requests) == 1


def _answers(api: Api) -> bool:
    try:
        return requests.get(f"{api.base_url}/readyz", timeout=PATIENCE_SECONDS).status_code == 200
    except requests.RequestException:
        return False


def _answer(api: Api, run_id: str) -> requests.Response | None:
    """None while the web process is not back."""
    try:
        url = f"{api.base_url}/api/v1/runs/{run_id}/stream?format=json"
        response = requests.get(url, headers=api.headers, timeout=PATIENCE_SECONDS)
    except requests.ConnectionError:
        return None
    return response if response.status_code == 200 else None
