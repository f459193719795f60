"""A client of `/v1/openapi`, as a program of the vendor's customers would call it: with its key in the query."""

from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.journeys.clients.aichat import Api

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Siblings:
    base_url: str
    key: str

    def send(self, method: str, tail: str, *, json: Any = None, **query: Any) -> requests.Response:
        return requests.request(
            method,
            f"{self.base_url}/v1/openapi/{tail}",
            params={"apiKey": self.key, **query},
            json=json,
            timeout=TIMEOUT_SECONDS,
        )

    def data(self, method: str, tail: str, *, json: Any = None, **query: Any) -> Any:
        """`Data` of an answer that succeeds."""
        response = self.send(method, tail, json=json, **query)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/json"
        body = response.json()
        assert (body["Code"], body["Msg"], len(body)) == (2000, "成功", 3)
        return body["Data"]

    def refusal(self, method: str, tail: str, *, json: Any = None, **query: Any) -> tuple[int, str]:
        """Status and words of one that is refused, in the envelope."""
        response = self.send(method, tail, json=json, **query)
        body = response.json()
        assert (body["Code"], body["Data"], len(body)) == (response.status_code, None, 3), response.text
        return response.status_code, body["Msg"]


@pytest.fixture
def siblings(new_api: Api) -> Siblings:
    """Of the same account as `new_api`."""
    return Siblings(new_api.base_url, new_api.key)


@pytest.fixture
def others(other_api: Api) -> Siblings:
    """Of another account."""
    return Siblings(other_api.base_url, other_api.key)
