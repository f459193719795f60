"""A client of `/aichat/conversations`."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import requests

from tests.fakes.replies import Json

PATH = "/aichat/conversations"
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
MODEL = "gpt-4o-mini"
TIMEOUT_SECONDS = 60.0
# After so much silence a reader asks by itself; who gets something sooner was notified.
SILENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Api:
    """A client with the key of one account."""

    base_url: str
    key: str

    @property
    def url(self) -> str:
        return self.base_url + PATH

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}

    def post(
        self, body: Any, *, accept: str = "", headers: Mapping[str, str] | None = None, stream: bool = False
    ) -> requests.Response:
        """`body` is sent as JSON, or as it is when it is bytes or a stream of them."""
        data = orjson.dumps(body) if isinstance(body, dict | list | str | int | None) else body
        sent = {**self.headers, **({"Accept": accept} if accept else {}), **(headers or {})}
        return requests.post(self.url, data=data, headers=sent, timeout=TIMEOUT_SECONDS, stream=stream)

    def ask(self, question: str, *, accept: str = "", stream: bool = False, **fields: Any) -> requests.Response:
        return self.post({"model": MODEL, "question": question, **fields}, accept=accept, stream=stream)

    def answer(self, question: str, **fields: Any) -> Json:
        """The JSON answer of a turn that succeeds."""
        response = self.ask(question, **fields)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def lines(self, question: str, **fields: Any) -> list[Json]:
        """The NDJSON answer's lines."""
        response = self.ask(question, accept=NDJSON, **fields)
        assert response.status_code == 200, response.text
        assert response.content.endswith(b"\r\n")
        return [orjson.loads(line) for line in response.content.removesuffix(b"\r\n").split(b"\r\n")]


def refusal(response: requests.Response) -> tuple[int, str, str]:
    """Status, code and message of an error in the family's one shape."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.keys() == {"error", "trace_id"}
    assert body["error"].keys() == {"code", "message"}
    assert str(uuid.UUID(body["trace_id"])) == body["trace_id"]
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"], body["error"]["message"]


def new_id() -> str:
    return f"thread-{uuid.uuid4().hex[:12]}"


def user(content: Any) -> Json:
    return {"role": "user", "content": content}


def assistant(content: str) -> Json:
    return {"role": "assistant", "content": content}


def system(content: str) -> Json:
    return {"role": "system", "content": content}
