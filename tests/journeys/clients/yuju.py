"""Clients of `/v1/openapi`: of the chat, and of its siblings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import requests

from tests.fakes.replies import Json

PATH = "/v1/openapi/chat"
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Yuju:
    """A client with the key of one account, which it sends in the query as documented."""

    base_url: str
    key: str

    def url(self, path: str = PATH) -> str:
        return self.base_url + path

    def post(
        self, body: Any, *, path: str = PATH, headers: Mapping[str, str] | None = None, stream: bool = False
    ) -> requests.Response:
        """`body` is sent as JSON, or as it is when it is bytes."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        return requests.post(
            self.url(path), params={"apiKey": self.key}, data=data, headers=sent, timeout=TIMEOUT_SECONDS, stream=stream
        )

    def send(self, method: str, tail: str, json: Any = None, **query: Any) -> requests.Response:
        """A request to a sibling of the chat, whose path ends with `tail`."""
        params = {"apiKey": self.key, **query}
        url = self.url(f"/v1/openapi/{tail}")
        return requests.request(method, url, params=params, json=json, timeout=TIMEOUT_SECONDS)

    def data(self, method: str, tail: str, json: Any = None, **query: Any) -> Any:
        """What a sibling that succeeds answers with, out of the envelope."""
        return data(self.send(method, tail, json, **query))

    def refusal(self, method: str, tail: str, json: Any = None, **query: Any) -> tuple[int, str]:
        """Status and words of a sibling that refuses."""
        return refusal(self.send(method, tail, json, **query))

    def ask(self, content: str, *, headers: Mapping[str, str] | None = None, **fields: Any) -> requests.Response:
        return self.post({"content": content, **fields}, headers=headers)

    def answer(self, content: str, **fields: Any) -> Json:
        """The JSON answer of a turn that succeeds."""
        response = self.ask(content, **fields)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def events(self, content: str, **fields: Any) -> list[Json]:
        """The events of a streamed answer, without the `[DONE]` that ends it."""
        response = self.ask(content, stream=True, **fields)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        return parsed(response.content)


def parsed(stream: bytes) -> list[Json]:
    assert stream.isascii()
    blocks = stream.removesuffix(b"\n\n").split(b"\n\n")
    assert blocks.pop() == b"data: [DONE]"
    return [orjson.loads(line.removeprefix(b"data: ")) for line in lines_of(blocks)]


def lines_of(blocks: list[bytes]) -> list[bytes]:
    return [line for block in blocks for line in block.split(b"\n") if line.startswith(b"data: ")]


def refusal(response: requests.Response) -> tuple[int, str]:
    """Status and message of an error in the family's one shape."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.keys() == {"Code", "Data", "Msg"}
    assert (body["Code"], body["Data"]) == (response.status_code, None)
    assert body["Msg"]
    return response.status_code, body["Msg"]


def data(response: requests.Response) -> Any:
    """What a sibling that succeeds answers with, out of the envelope."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert (body["Code"], body["Msg"]) == (2000, "成功")
    assert body.keys() == {"Code", "Data", "Msg"}
    return body["Data"]
