"""Journey: a page of another origin, as the service's real answers look to its browser."""

import http.client

import pytest
import requests

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SSE, Api
from tests.journeys.conftest import PAGE
from tests.journeys.service import Service

TIMEOUT_SECONDS = 30


def allowed(response: requests.Response) -> tuple[int, str | None, str | None]:
    return response.status_code, response.headers.get("Access-Control-Allow-Origin"), response.headers.get("Vary")


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/openapi/chat?apiKey=x", "/aichat/conversations"])
def test_a_preflight_asks_nothing_of_the_stores(service: Service, path: str) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    response = requests.options(service.base_url + path, headers=asked, timeout=TIMEOUT_SECONDS)

    assert allowed(response) == (200, PAGE, "origin")
    assert "authorization" in response.headers["Access-Control-Allow-Headers"].split(", ")


@pytest.mark.parametrize("accept", ["application/json", SSE, NDJSON])
def test_a_page_reads_answers_and_streams(api: Api, upstream: FakeUpstream, accept: str) -> None:
    headers = {**api.headers, "Accept": accept, "Origin": PAGE}
    body = {"model": "echo", "question": "Hi"}

    response = requests.post(
        f"{api.base_url}/aichat/conversations", json=body, headers=headers, timeout=TIMEOUT_SECONDS
    )

    assert allowed(response) == (200, PAGE, "origin")
    assert "x-run-id" in response.headers["Access-Control-Expose-Headers"].split(", ")
    assert response.headers["X-Run-Id"].startswith("run_")


def test_a_page_reads_that_its_body_is_too_large(api: Api) -> None:
    headers = {**api.headers, "Origin": PAGE, "Content-Type": "application/json", "Content-Length": "20000001"}
    connection = http.client.HTTPConnection("127.0.0.1", int(api.base_url.rpartition(":")[2]), timeout=TIMEOUT_SECONDS)
    connection.request("POST", "/v1/chat/completions", headers=headers)
    response = connection.getresponse()
    connection.close()

    assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (413, PAGE)


def test_a_page_reads_that_it_asks_too_often(service: Service) -> None:
    key = service.create_key("slow page", "--requests-per-minute=1")
    headers = {"Authorization": f"Bearer {key}", "Origin": PAGE}
    url = f"{service.base_url}/v1/chat/completions"
    body = {"model": "echo", "messages": [{"role": "user", "content": "Hi"}]}

    first, second = (requests.post(url, json=body, headers=headers, timeout=TIMEOUT_SECONDS) for _ in range(2))

    assert [allowed(first), allowed(second)] == [(200, PAGE, "origin"), (429, PAGE, "origin")]
    assert "Retry-After" in second.headers
    assert {"retry-after", "x-ratelimit-reset-requests"} <= {
        *second.headers["Access-Control-Expose-Headers"].split(", ")
    }


@pytest.mark.parametrize("path", ["/static/conversations/favicon.svg", "/favicon.ico", "/admin/login/"])
def test_files_and_the_admin_are_for_their_own_origin(service: Service, path: str) -> None:
    response = requests.get(service.base_url + path, headers={"Origin": PAGE}, timeout=TIMEOUT_SECONDS)

    assert response.status_code == 200
    assert not [name for name in response.headers if name.lower().startswith("access-control-")]
