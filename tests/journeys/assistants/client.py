"""A client of `/api/v1/assistants` and `/api/v1/intents`, and a vendor that is asked which a question satisfies."""

from typing import Any

import requests

from conversations.rules.assistants import intent_questions
from tests.fakes.replies import Json, Reply
from tests.fakes.upstream import FakeUpstream
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


def make_intent(api: Api, name: str, *examples: str, **fields: Any) -> str:
    """Its id."""
    body = {"name": name, "examples": list(examples), **fields}
    return str(call(api, "POST", "intents", status=201, json=body)["id"])


def is_small(body: Json) -> bool:
    """Whether this is the small call beside a run's own."""
    return bool(body["messages"][0]["content"] == intent_questions.INSTRUCTION)


def script_intents(upstream: FakeUpstream, *, intents: Reply, answer: Reply) -> None:
    upstream.default = lambda body: intents if is_small(body) else answer


def small_calls(upstream: FakeUpstream) -> list[Json]:
    return [request.body for request in upstream.requests if is_small(request.body)]
