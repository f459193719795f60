"""No server holds a sender longer, or makes it read more, than the limits of the request."""

import socket
import threading
import time
from ipaddress import ip_address

import httpx
import pytest

from conversations.outbound import fetch, http
from conversations.outbound.addresses import Address, ranges
from conversations.outbound.errors import OutboundCut, OutboundError, OutboundGarbled, OutboundTimeout, OutboundTooLarge
from tests.integration.conversations.outbound.conftest import OPEN
from tests.integration.conversations.outbound.posting import excerpt, post
from tests.integration.conversations.outbound.receivers import (
    Receiver,
    Script,
    answering,
    dripping,
    pouring,
    silent,
)

SECONDS = 0.6
SLACK = 30.0
MEGABYTE = b"x" * 1_000_000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def url(receiver: Receiver) -> str:
    return f"http://hooks.example:{receiver.port}/"


@pytest.mark.parametrize(
    "script",
    [
        silent,
        dripping(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n", pause=0.05),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.05),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x", pause=0.05),
        dripping(CHUNKED, b"1\r\nx\r\n", pause=0.05),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause=0.05),
    ],
    ids=["silence", "headers", "informational", "length", "chunks", "until-closed"],
)
def test_waits_no_longer_than_asked_for_a_server_that_drips(client: httpx.Client, script: Script) -> None:
    with Receiver(script) as receiver:
        began = time.monotonic()
        with pytest.raises(OutboundTimeout, match="the server took too long"):
            post(client, url(receiver), seconds=SECONDS)
        took = time.monotonic() - began

    assert SECONDS - 0.05 < took < SECONDS + SLACK


def test_waits_no_longer_than_asked_for_a_server_that_hardly_reads(client: httpx.Client) -> None:
    def sip(connection: socket.socket, over: threading.Event) -> None:
        while not over.wait(0.05):
            connection.recv(2048)

    with Receiver(sip, speaks_first=True) as receiver:
        began = time.monotonic()
        with pytest.raises(OutboundTimeout):
            post(client, url(receiver), content=MEGABYTE * 20, seconds=SECONDS)
        took = time.monotonic() - began

    assert took < SECONDS + SLACK


def test_waits_no_longer_than_asked_for_a_handshake(client: httpx.Client) -> None:
    a_record_of_16_kb = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"
    drip = dripping(a_record_of_16_kb, b"\x00", pause=0.05)
    with Receiver(drip, speaks_first=True) as receiver:
        began = time.monotonic()
        with pytest.raises(OutboundTimeout):
            post(client, f"https://hooks.example:{receiver.port}/", seconds=SECONDS)
        took = time.monotonic() - began

    assert took < SECONDS + SLACK


def test_the_time_includes_the_lookup() -> None:
    given: list[float] = []

    def slow(_name: str, seconds: float) -> list[Address]:
        given.append(seconds)
        time.sleep(SECONDS)
        return [ip_address(OPEN)]

    with (
        http.open_client(allow=ranges([OPEN]), max_connections=1, lookup=slow) as client,
        Receiver(silent) as receiver,
        pytest.raises(OutboundTimeout),
    ):
        post(client, url(receiver), seconds=SECONDS)

    assert 0 < given[0] <= SECONDS
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "script",
    [
        answering(MEGABYTE),
        pouring(CHUNKED, b"10000\r\n" + b"x" * 0x10000 + b"\r\n"),
        pouring(b"HTTP/1.1 200 OK\r\n\r\n", MEGABYTE),
    ],
    ids=["length", "chunks", "until-closed"],
)
def test_cuts_an_answer_of_megabytes_and_keeps_its_status(client: httpx.Client, script: Script) -> None:
    with Receiver(script) as receiver:
        reply = excerpt(client, url(receiver), seconds=60)

    assert (reply.status, reply.body) == (200, b"x" * 1000)


def test_keeps_an_answer_of_just_that_length_whole(client: httpx.Client) -> None:
    with Receiver(answering(b"x" * 1000)) as receiver:
        reply = excerpt(client, url(receiver))

    assert (reply.status, reply.body) == (200, b"x" * 1000)


def test_does_not_unpack_compressed_answers(client: httpx.Client) -> None:
    with Receiver(answering(b"\x1f\x8bnot really", "200 OK", "Content-Encoding: gzip")) as receiver:
        reply = post(client, url(receiver))

    assert reply.body == b"\x1f\x8bnot really"


def test_refuses_endless_headers(client: httpx.Client) -> None:
    script = pouring(b"HTTP/1.1 200 OK\r\nX-Long: ", MEGABYTE)
    with Receiver(script) as receiver, pytest.raises(OutboundGarbled, match="does not speak HTTP"):
        post(client, url(receiver), seconds=60)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", OutboundCut),
        (b"SSH-2.0-OpenSSH\r\n", OutboundCut),
        (b"SSH-2.0-OpenSSH\r\n\r\n", OutboundGarbled),
        (b"HTTP/1.1 200 OK\r\n", OutboundCut),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", OutboundCut),
    ],
    ids=["nothing", "half-of-not-http", "not-http", "half-headers", "half-body"],
)
def test_fails_when_the_server_breaks_off(client: httpx.Client, sent: bytes, error: type[OutboundError]) -> None:
    def break_off(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(sent)

    with Receiver(break_off) as receiver, pytest.raises(error):
        post(client, url(receiver))


def test_serves_the_next_request_after_one_that_was_given_up(client: httpx.Client) -> None:
    with Receiver(silent) as stalled, Receiver(answering(b"ok")) as healthy:
        for _ in range(5):  # more than the client has connections
            with pytest.raises(OutboundTimeout):
                post(client, url(stalled), seconds=0.1)
        reply = post(client, url(healthy))

    assert reply.body == b"ok"


def test_reads_no_more_informational_answers_than_a_head_may_have(client: httpx.Client) -> None:
    """Each is small and comes in time, so only the limit on all of them helps."""
    script = pouring(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000)
    with Receiver(script) as receiver, pytest.raises(OutboundTooLarge, match="sent too much"):
        post(client, url(receiver), seconds=60)


def test_informational_answers_are_no_part_of_a_large_body(client: httpx.Client) -> None:
    """Reading as many as a document has bytes would hold the interpreter for the whole time of the request."""
    sent = 0

    def pour(connection: socket.socket, over: threading.Event) -> None:
        nonlocal sent
        while not over.is_set():
            sent += connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000)

    with Receiver(pour) as receiver, pytest.raises(OutboundTooLarge, match="sent too much"):
        fetch.fetch(client, url(receiver), seconds=60, most_bytes=20_000_000)

    # What is on its way is in the buffers of the system.
    assert sent < 20_000_000


def test_reads_no_more_of_a_chunk_than_its_bytes_are_worth(client: httpx.Client) -> None:
    script = pouring(CHUNKED, b"1;" + b"x" * 60_000 + b"\r\nx\r\n")
    with Receiver(script) as receiver, pytest.raises(OutboundTooLarge, match="sent too much"):
        post(client, url(receiver), seconds=60)


def test_a_redirect_to_what_is_no_url_is_garbled(client: httpx.Client) -> None:
    with (
        Receiver(answering(b"", "302 Found", "Location: javascript:alert(1)")) as receiver,
        pytest.raises(OutboundGarbled),
    ):
        post(client, url(receiver))
