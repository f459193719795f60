"""Guarded connections go to the judged address, with the name in the Host header, and nowhere else."""

import socket
import threading

import httpx
import pytest

from conversations.outbound import http
from conversations.outbound.addresses import ranges
from conversations.outbound.errors import OutboundFailed, OutboundRefused
from tests.integration.conversations.outbound.conftest import CLOSED, OPEN
from tests.integration.conversations.outbound.posting import post
from tests.integration.conversations.outbound.receivers import Receiver, answering
from tests.unit.conversations.outbound.answers import Resolver


def client_asking(*answers: list[str]) -> tuple[httpx.Client, Resolver]:
    resolver = Resolver(*answers)
    return http.open_client(allow=ranges([OPEN]), max_connections=2, lookup=resolver), resolver


def test_sends_to_the_judged_address_with_the_name_as_host(client: httpx.Client, resolver: Resolver) -> None:
    with Receiver(answering(b"thanks", "202 Accepted", "X-Note: hi")) as receiver:
        reply = post(
            client,
            f"http://Hooks.Example:{receiver.port}/hook?a=1",
            headers={"Content-Type": "text/plain", "webhook-id": "evt_1"},
            content=b"the body",
        )

    assert (reply.status, reply.body, reply.headers["x-note"]) == (202, b"thanks", "hi")
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /hook?a=1 HTTP/1.1"
    assert f"Host: hooks.example:{receiver.port}".encode() in lines
    assert {b"webhook-id: evt_1", b"User-Agent: Parley", b"Accept-Encoding: identity", b"Connection: close"} < set(
        lines
    )
    assert body == b"the body"
    assert resolver.asked == ["hooks.example"]


def test_looks_the_name_up_once_for_every_connection(client: httpx.Client, resolver: Resolver) -> None:
    with Receiver(answering()) as receiver:
        for _ in range(3):
            post(client, f"http://hooks.example:{receiver.port}/")

    assert resolver.asked == ["hooks.example"] * 3
    assert receiver.connections == 3


@pytest.mark.parametrize(
    "answers",
    [[CLOSED], [OPEN, CLOSED], [CLOSED, OPEN], [f"::ffff:{CLOSED}"], [f"64:ff9b::{CLOSED}"], [OPEN, "10.0.0.1"]],
)
def test_connects_to_nothing_when_any_answer_is_private(answers: list[str]) -> None:
    client, _ = client_asking(answers)

    with (
        client,
        Receiver(answering()) as opened,
        Receiver(answering(), host=CLOSED, port=opened.port) as private,
        pytest.raises(OutboundRefused) as refused,
    ):
        post(client, f"http://hooks.example:{opened.port}/")

    assert refused.value.reason == "address"
    assert (opened.connections, private.connections) == (0, 0)


def test_uses_no_connection_for_a_second_customer(client: httpx.Client) -> None:
    def answer_and_stay(connection: socket.socket, over: threading.Event) -> None:
        answering(b"ok")(connection, over)
        over.wait(30)

    with Receiver(answer_and_stay) as receiver:
        for _ in range(2):
            post(client, f"http://hooks.example:{receiver.port}/")

    assert receiver.connections == 2


def test_refuses_a_name_that_has_moved_since_the_last_request() -> None:
    client, resolver = client_asking([OPEN], [CLOSED])

    with client, Receiver(answering()) as opened, Receiver(answering(), host=CLOSED, port=opened.port) as private:
        post(client, f"http://hooks.example:{opened.port}/")
        with pytest.raises(OutboundRefused):
            post(client, f"http://hooks.example:{opened.port}/")

    assert (opened.connections, private.connections) == (1, 0)
    assert resolver.asked == ["hooks.example"] * 2


@pytest.mark.parametrize("host", [CLOSED, "127.2", "0x7f000002", "0177.0.0.2", f"[::ffff:{CLOSED}]", "[::1]"])
def test_connects_to_no_private_address_however_written(client: httpx.Client, host: str) -> None:
    with Receiver(answering(), host=CLOSED) as private, pytest.raises(OutboundRefused):
        post(client, f"http://{host}:{private.port}/")

    assert private.connections == 0


def test_takes_the_next_address_when_one_does_not_answer() -> None:
    client, resolver = client_asking([f"::ffff:{OPEN}", OPEN])  # the socket of the first is IPv6, where nobody listens

    with client, Receiver(answering(b"here")) as receiver:
        reply = post(client, f"http://hooks.example:{receiver.port}/")

    assert reply.body == b"here"
    assert resolver.asked == ["hooks.example"]


def test_tries_three_addresses_and_no_more() -> None:
    resolver = Resolver(["127.0.1.1", "127.0.1.2", "127.0.1.3", OPEN])
    client = http.open_client(allow=ranges(["127.0.0.0/8"]), max_connections=1, lookup=resolver)

    with client, Receiver(answering()) as receiver, pytest.raises(OutboundFailed, match="cannot be reached"):
        post(client, f"http://hooks.example:{receiver.port}/")

    assert receiver.connections == 0


def test_follows_no_redirect() -> None:
    client, resolver = client_asking([OPEN])
    with client, Receiver(answering(), host=CLOSED) as private:
        location = f"Location: http://{CLOSED}:{private.port}/"
        with Receiver(answering(b"", "302 Found", location)) as opened:
            reply = post(client, f"http://hooks.example:{opened.port}/")

    assert (reply.status, reply.headers["location"]) == (302, f"http://{CLOSED}:{private.port}/")
    assert (opened.connections, private.connections) == (1, 0)
    assert resolver.asked == ["hooks.example"]


@pytest.mark.parametrize("target", [f"http://{CLOSED}", "http://127.2", "http://0x7f.2", "http://second.example"])
def test_refuses_the_target_of_a_redirect_that_a_caller_follows(target: str) -> None:
    client, _ = client_asking([OPEN], [CLOSED])
    with client, Receiver(answering(), host=CLOSED) as private:
        location = f"Location: {target}:{private.port}/"
        redirecting = answering(b"", "307 Temporary Redirect", location)
        with Receiver(redirecting) as opened, pytest.raises(OutboundRefused):
            client.get(f"http://hooks.example:{opened.port}/", follow_redirects=True)

    assert (opened.connections, private.connections) == (1, 0)


def test_goes_through_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(answering(b"the proxy")) as proxy, Receiver(answering(b"the server")) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        client, _ = client_asking([OPEN])
        with client:
            reply = post(client, f"http://hooks.example:{receiver.port}/")

    assert (reply.body, proxy.connections) == (b"the server", 0)


def test_carries_no_cookie_from_one_customer_to_the_next(client: httpx.Client) -> None:
    with Receiver(answering(b"", "200 OK", "Set-Cookie: who=first; Path=/")) as receiver:
        post(client, f"http://hooks.example:{receiver.port}/")
        post(client, f"http://hooks.example:{receiver.port}/")

    assert len(receiver.requests) == 2
    assert b"cookie" not in receiver.requests[1].lower()


def test_sends_no_credentials_out_of_a_url(client: httpx.Client) -> None:
    with Receiver(answering()) as receiver, pytest.raises(OutboundRefused) as refused:
        post(client, f"http://me:secret@hooks.example:{receiver.port}/")

    assert refused.value.reason == "credentials"
    assert receiver.connections == 0


def test_fails_when_nobody_listens(client: httpx.Client) -> None:
    with socket.create_server((OPEN, 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(OutboundFailed, match="the server cannot be reached"):
        post(client, f"http://hooks.example:{port}/")
