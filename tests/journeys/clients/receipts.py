"""A client of `/api/v1/runs/{id}/context`, and what a receipt and a vendor say of the same prompt."""

from typing import Any

import requests

from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import TIMEOUT_SECONDS, Api


def context(api: Api, run_id: str, **parameters: Any) -> requests.Response:
    url = f"{api.base_url}/api/v1/runs/{run_id}/context"
    return requests.get(url, params={"text": "true", **parameters}, headers=api.headers, timeout=TIMEOUT_SECONDS)


def receipt(api: Api, run_id: str, *, status: int = 200, **parameters: Any) -> Json:
    response = context(api, run_id, **parameters)
    assert response.status_code == status, response.text
    return dict(response.json())


def said(found: Json) -> list[tuple[str, str]]:
    """Role and words of what was sent, in order."""
    sent = [message for message in found["messages"] if message["position"] is not None]
    assert [message["position"] for message in sent] == list(range(found["sent"]))
    return [(message["role"], message["text"]) for message in sent]


def got(upstream: FakeUpstream, at: int = -1) -> list[tuple[str, str]]:
    """The same, as the vendor got it."""
    return [(message["role"], message["content"]) for message in upstream.requests[at].messages]
