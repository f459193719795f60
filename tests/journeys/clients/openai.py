"""A client of `/v1/chat/completions` without an SDK, for tests of bytes and headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import requests

from tests import openai_types
from tests.fakes.replies import Json
from tests.journeys.clients.aichat import MODEL, TIMEOUT_SECONDS, user

ROUTE = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Chat:
    """A client with the key of one account."""

    base_url: str
    key: str

    def post(
        self,
        body: Any,
        *,
        route: str = ROUTE,
        headers: Mapping[str, str | None] | None = None,
        stream: bool = False,
        method: str = "POST",
    ) -> requests.Response:
        """`body` is sent as JSON, or as it is when it is bytes. A header that is None is left out."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(headers or {})}
        given = {name: value for name, value in sent.items() if value is not None}
        url = self.base_url + route
        return requests.request(method, url, data=data, headers=given, timeout=TIMEOUT_SECONDS, stream=stream)

    def ask(
        self, question: str, *, headers: Mapping[str, str | None] | None = None, stream: bool = False, **fields: Any
    ) -> requests.Response:
        """`stream` asks for a stream, and leaves reading it to the caller."""
        body = {"model": MODEL, "messages": [user(question)], **({"stream": True} if stream else {}), **fields}
        return self.post(body, headers=headers, stream=stream)

    def answer(self, question: str, **fields: Any) -> Json:
        """The JSON answer, checked, of a turn that succeeds."""
        return answer(self.ask(question, **fields))


def answer(response: requests.Response) -> Json:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    body: Json = response.json()
    openai_types.completion(body)
    return body


def chunks(response: requests.Response) -> list[Json]:
    """The chunks, checked, of a stream that ended without an error."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    return openai_types.payloads(response.content)


def refusal(response: requests.Response) -> tuple[int, Any, Any]:
    """Status, code and param of an error in the family's one shape."""
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"].startswith("req_")
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"], body["error"]["param"]
