"""Journey: no cache stores an answer, and no browser takes it for another content type."""

import pytest
import requests

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SSE, Api

NO_STORE, PUBLIC = "no-store", "public, max-age=300"


def headers_of(response: requests.Response) -> tuple[int, str, str]:
    response.close()
    return response.status_code, response.headers["Cache-Control"], response.headers["X-Content-Type-Options"]


@pytest.mark.parametrize(
    ("path", "status", "cached"),
    [
        ("/healthz", 200, NO_STORE),
        ("/readyz", 200, NO_STORE),
        ("/api/schema", 200, PUBLIC),
        ("/api/v1/runs", 200, NO_STORE),
        ("/api/v1/callback_secret", 200, NO_STORE),
        ("/api/v1/runs/run_none", 404, NO_STORE),
        ("/v1/models", 200, NO_STORE),
        ("/v1/models/none", 404, NO_STORE),
        ("/v1/nowhere", 404, NO_STORE),
        ("/nowhere", 404, NO_STORE),
        ("/aichat/conversations", 405, NO_STORE),
        ("/api/v1/runs?limit=%00", 400, NO_STORE),
    ],
)
def test_every_response_forbids_sniffing_and_only_the_schema_is_cached(
    api: Api, path: str, status: int, cached: str
) -> None:
    response = requests.get(api.base_url + path, headers=api.headers, timeout=10)

    assert headers_of(response) == (status, cached, "nosniff")


@pytest.mark.parametrize("path", ["/favicon.ico", "/static/conversations/favicon.svg"])
def test_browsers_get_an_icon_without_a_key(api: Api, path: str) -> None:
    response = requests.get(api.base_url + path, timeout=10)

    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/svg+xml")
    assert response.content.startswith(b"<svg ")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-wrong"}])
def test_a_refusal_is_not_cached(api: Api, headers: dict[str, str]) -> None:
    response = requests.get(f"{api.base_url}/v1/models", headers=headers, timeout=10)

    assert headers_of(response) == (401, NO_STORE, "nosniff")


@pytest.mark.parametrize(
    ("accept", "cached"), [("", NO_STORE), (SSE, "no-cache, no-store"), (NDJSON, "no-cache, no-store")]
)
def test_answers_and_streams_are_not_cached(api: Api, upstream: FakeUpstream, accept: str, cached: str) -> None:
    response = api.ask("Hi", model="echo", accept=accept)

    assert headers_of(response) == (200, cached, "nosniff")
