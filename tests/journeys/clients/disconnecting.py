"""Callers that ask and disconnect before the answer."""

import socket

import orjson

from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, PATH, Api
from tests.journeys.clients.progress import wait_for_words


def ask_and_leave(api: Api, upstream: FakeUpstream, *, accept: str = "", words: int = 0, **fields: str) -> None:
    """Disconnect as soon as the vendor was asked and so many of its words can be read."""
    post_and_leave(api, upstream, {"model": MODEL, "question": "1", **fields}, accept=accept, words=words)


def post_and_leave(
    api: Api, upstream: FakeUpstream, body: Json, *, path: str = PATH, accept: str = "", words: int = 0
) -> None:
    data = orjson.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\nContent-Length: {len(data)}\r\n"
    with socket.create_connection(("127.0.0.1", int(api.base_url.rpartition(":")[2]))) as client:
        client.sendall(f"{head}Accept: {accept or '*/*'}\r\n\r\n".encode() + data)
        upstream.wait_for_requests(1)
        wait_for_words(upstream, words)
