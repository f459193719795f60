"""A client of `/api/v1/tools`, and what a scripted model says to call a tool."""

import uuid
from typing import Any

import orjson
import requests

from tests.fakes import replies
from tests.fakes.replies import Json, Reply
from tests.journeys.clients.aichat import TIMEOUT_SECONDS, Api

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def make(api: Api, url: str, **fields: Any) -> Json:
    """A tool with a name of its own, that takes any arguments."""
    body = {"name": f"tool_{uuid.uuid4().hex[:8]}", "description": "Looks things up.", "url": url, **fields}
    response = requests.post(f"{api.base_url}/api/v1/tools", json=body, headers=api.headers, timeout=TIMEOUT_SECONDS)
    assert response.status_code == 201, response.text
    return dict(response.json())


def calls(*called: tuple[str, Any], text: str = "", finish: str = "tool_calls", usage: Json | None = USAGE) -> Reply:
    """A model's answer that calls tools, by their names and arguments; arguments that are a string stay as they are."""
    fragments = [
        {
            "index": index,
            "id": f"call_{uuid.uuid4().hex[:8]}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": given if isinstance(given, str) else orjson.dumps(given).decode(),
            },
        }
        for index, (name, given) in enumerate(called)
    ]
    return replies.says(*([text] if text else []), tool_calls=fragments, finish=finish, usage=usage)


def results(request_body: Json) -> list[str]:
    """What a model was told of its calls."""
    return [message["content"] for message in request_body["messages"] if message["role"] == "tool"]


def offered(request_body: Json) -> list[str]:
    return [tool["function"]["name"] for tool in request_body.get("tools", ())]


def decide(api: Api, run_id: str, what: str, **fields: Any) -> requests.Response:
    """`what` is "approve" or "refuse"."""
    url = f"{api.base_url}/api/v1/runs/{run_id}/{what}"
    return requests.post(url, json=fields, headers=api.headers, timeout=TIMEOUT_SECONDS)


def read_again(api: Api, run_id: str, **query: Any) -> Json:
    """The answer of a run from its beginning, once it has ended or waits."""
    url = f"{api.base_url}/api/v1/runs/{run_id}/stream"
    query = {"format": "json", **query}
    response = requests.get(url, params=query, headers=api.headers, timeout=TIMEOUT_SECONDS)
    assert response.status_code == 200, response.text
    return dict(response.json())
