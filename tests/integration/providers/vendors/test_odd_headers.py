"""Whatever a vendor sends before the body, the call ends soon, with an answer or one of our errors."""

import socket
import threading

import httpx
import pytest

from providers import errors
from tests.integration.conversations.outbound.receivers import Receiver, Script
from tests.integration.providers.clients import ask, target

ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}'


def sending(raw: bytes) -> Script:
    def send(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(raw)

    return send


def response(status: bytes, *headers: bytes, body: bytes = ANSWER) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"", body])


LENGTH = b"Content-Length: %d" % len(ANSWER)


@pytest.mark.parametrize(
    "raw",
    [
        response(b"200 OK", LENGTH, b"x-request-id: \xff\xfe\x80"),
        response(b"200 OK", LENGTH, b"x-request-id: " + b"r" * 10_000),
        response(b"200 OK", LENGTH, b"Content-Type: text/html; charset=utf-9999"),
        response(b"200 OK", LENGTH, b"Retry-After: \xff"),
        response(b"200", LENGTH),
        response(b"200 OK", LENGTH, b"Content-Encoding: gzip"),
        response(b"200 OK", LENGTH, *[b"X-%d: y" % number for number in range(100)]),
    ],
)
def test_reads_the_answer_all_the_same(raw: bytes, http: httpx.BaseTransport) -> None:
    with Receiver(sending(raw)) as vendor:
        outcome = ask(http, target(f"http://127.0.0.1:{vendor.port}/v1"))

    assert (outcome.error, outcome.text) == (None, "ok")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 100,
        b"ok\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        response(b"999 No such status", LENGTH),
        response(b"99999 No such status", LENGTH),
        response(b"-1 Less than nothing", LENGTH),
        response(b"\xff\xfe \x00"),
        response(b"101 Switching Protocols", b"Upgrade: websocket", b"Connection: upgrade"),
        response(b"204 No Content", body=b""),
        response(b"304 Not Modified", body=b""),
        response(b"200 OK", b"Content-Length: -5"),
        response(b"200 OK", b"Content-Length: 99999999999999999999999999"),
        response(b"200 OK", b"Content-Length: 5", b"Content-Length: 6"),
        response(b"200 OK", b"Transfer-Encoding: gzip, chunked"),
        response(b"200 OK", b"Transfer-Encoding: chunked", body=b"fffffffffffffffffffffff\r\n" + ANSWER),
        response(b"200 OK", LENGTH, b"X: a\x00b"),
        response(b"200 OK", LENGTH, b": nameless"),
        response(b"200 OK", LENGTH, b"X: " + b"y" * 200_000),
        response(
            b"429 Slow", LENGTH, b"Retry-After: Thu, 01 Jan 99999999999999 00:00:00 GMT", b"retry-after-ms: 1e999"
        ),
        response(b"429 Slow", LENGTH, b"Retry-After: \xd9\xa3", b"retry-after-ms: \xff"),
        response(b"500 Oops", LENGTH, b"Content-Encoding: deflate"),
        response(b"302 Found", LENGTH, b"Location: \xff\xfe://[::1"),
    ],
)
def test_ends_with_one_of_our_errors(raw: bytes, http: httpx.BaseTransport) -> None:
    with Receiver(sending(raw)) as vendor:
        outcome = ask(http, target(f"http://127.0.0.1:{vendor.port}/v1"))

    assert isinstance(outcome.error, errors.ProviderError)
    assert (outcome.text, outcome.events) == ("", [])
    assert outcome.error.retry_after is None
