"""A client of `/api/v1/assistants`."""

from typing import Any

import requests

from tests.fakes.replies import Json
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.webhooks import call


def make(api: Api, **fields: Any) -> Json:
    return call(api, "POST", "assistants", status=201, json={"name": "助手", **fields})


def change(api: Api, assistant: Json, **fields: Any) -> Json:
    return call(api, "PATCH", f"assistants/{assistant['id']}", json=fields)


def delete(api: Api, assistant: Json) -> Json:
    return call(api, "DELETE", f"assistants/{assistant['id']}")


def named(assistant: Json) -> str:
    """The model that stands for it."""
    return f"assistant:{assistant['id']}"


def refused(api: Api, method: str, tail: str, body: Any) -> tuple[int, str]:
    """Status and message of a request that is refused."""
    url = f"{api.base_url}/api/v1/{tail}"
    response = requests.request(method, url, headers=api.headers, json=body, timeout=30)
    return response.status_code, response.json()["error"]["message"]
