"""What is fetched, and how every kind of bad server is refused: at its redirects, and by size, time and form."""

import gzip
import socket
import threading
import time
import zlib
from functools import partial
from ipaddress import ip_address

import httpx
import pytest

from conversations.outbound import fetch, http
from conversations.outbound.addresses import Address, ranges
from conversations.outbound.errors import (
    OutboundCut,
    OutboundError,
    OutboundGarbled,
    OutboundRefused,
    OutboundStatus,
    OutboundTimeout,
    OutboundTooLarge,
)
from conversations.outbound.fetch import Fetched
from tests.integration.conversations.outbound.conftest import CLOSED, OPEN
from tests.integration.conversations.outbound.receivers import Receiver, Script, answering, dripping, pouring, silent
from tests.unit.conversations.outbound.answers import Resolver

# Without the time, which would be part of the tests' ids and differ between the processes that run them.
gzipped = partial(gzip.compress, mtime=0)

MEGABYTE = b"x" * 1_000_000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def url(receiver: Receiver, path: str = "/", host: str = "files.example") -> str:
    return f"http://{host}:{receiver.port}{path}"


def read(client: httpx.Client, of: str, *, seconds: float = 10.0, most_bytes: int = 1_000_000) -> Fetched:
    return fetch.fetch(client, of, seconds=seconds, most_bytes=most_bytes)


def leads_to(*locations: str) -> Script:
    """Each request is answered by the next redirect; after the last, by a document."""
    left = list(locations)

    def answer(connection: socket.socket, over: threading.Event) -> None:
        script = answering(b"", "302 Found", f"Location: {left.pop(0)}") if left else answering(b"there")
        script(connection, over)

    return answer


def test_reads_a_document_with_what_its_server_says_of_it(client: httpx.Client) -> None:
    declared = "Content-Type: Text/HTML; x=1; Charset='GBK'"
    with Receiver(answering("好".encode("gbk"), "200 OK", declared)) as receiver:
        found = read(client, url(receiver, "/a?b=c"))

    assert found == Fetched("好".encode("gbk"), url(receiver, "/a?b=c"), media_type="text/html", charset="gbk")
    head = receiver.requests[0].decode().lower()
    assert head.startswith("get /a?b=c http/1.1\r\n")
    assert "accept-encoding: identity\r\n" in head
    assert "cookie" not in head
    assert "authorization" not in head


@pytest.mark.parametrize(
    "declared",
    ["", "Content-Type: ", "Content-Type: text", "Content-Type: text/\u4e2d", f"Content-Type: {'x' * 5000}/y",
     "Content-Type: text/plain\x01; charset=\x7f"],
)  # fmt: skip
def test_what_a_server_says_badly_is_not_said(client: httpx.Client, declared: str) -> None:
    lines = [declared] if declared else []
    with Receiver(answering(b"x", "200 OK", *lines)) as receiver:
        try:
            found = read(client, url(receiver))
        except OutboundGarbled:
            return

    assert (found.media_type, found.charset) == ("", "")


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial", "304 Same", "401 No", "404 Gone", "500 Broken"])
def test_another_status_is_named(client: httpx.Client, status: str) -> None:
    with (
        Receiver(answering(b"a page that says why", status)) as receiver,
        pytest.raises(OutboundStatus, match=f"status {status[:3]}"),
    ):
        read(client, url(receiver))


def test_five_redirects_are_followed(client: httpx.Client) -> None:
    with Receiver(leads_to("/1", "2", "?3", "/4?a=b", "/5")) as receiver:
        found = read(client, url(receiver))

    assert (found.data, found.url) == (b"there", url(receiver, "/5"))
    assert [request.split()[1] for request in receiver.requests] == [b"/", b"/1", b"/2", b"/2?3", b"/4?a=b", b"/5"]


def test_a_sixth_redirect_is_refused(client: httpx.Client) -> None:
    with (
        Receiver(leads_to("/1", "/2", "/3", "/4", "/5", "/6")) as receiver,
        pytest.raises(OutboundRefused, match="more than 5 times"),
    ):
        read(client, url(receiver))

    assert receiver.connections == 6


def test_a_loop_is_refused_at_once(client: httpx.Client) -> None:
    with Receiver(leads_to("/b", "/", "/b")) as receiver, pytest.raises(OutboundRefused, match="back to itself"):
        read(client, url(receiver))

    assert receiver.connections == 2


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (f"http://{CLOSED}:1/", "address"),
        ("http://169.254.169.254/latest/meta-data", "address"),
        ("http://[::1]:80/", "address"),
        ("http://2130706434/", "address"),
        ("http://user:secret@files.example/", "credentials"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://files.example/", "scheme"),
        ("http://files.example:99999/", "port"),
        ("http://files.example/a\\b", "url"),
        (f"http://files.example/{'x' * 3000}", "url"),
    ],
)
def test_a_redirect_is_judged_as_the_first_url(client: httpx.Client, location: str, reason: str) -> None:
    with Receiver(leads_to(location)) as receiver, pytest.raises(OutboundRefused) as refused:
        read(client, url(receiver))

    assert refused.value.reason == reason
    assert receiver.connections == 1


def test_a_redirect_to_what_is_no_url_is_refused(client: httpx.Client) -> None:
    with Receiver(leads_to("javascript:alert(1)")) as receiver, pytest.raises(OutboundGarbled, match="no URL"):
        read(client, url(receiver))


def test_a_name_that_changes_its_address_between_redirects_is_refused() -> None:
    answers = [[ip_address(OPEN)], [ip_address(CLOSED)]]

    def changing(_name: str, _seconds: float) -> list[Address]:
        return answers.pop(0)

    with (
        http.open_client(allow=ranges([OPEN]), max_connections=1, lookup=changing) as client,
        Receiver(leads_to("/again")) as receiver,
        pytest.raises(OutboundRefused, match="not public"),
    ):
        read(client, url(receiver))

    assert receiver.connections == 1


def test_a_redirect_from_https_to_http_is_refused() -> None:
    response = httpx.Response(302, headers={"Location": "http://files.example/"})

    with pytest.raises(OutboundRefused, match="from https to http") as refused:
        fetch._next(response, [httpx.URL("https://files.example/")])

    assert refused.value.reason == "scheme"


def test_a_redirect_that_leads_nowhere_is_a_status(client: httpx.Client) -> None:
    with Receiver(answering(b"", "302 Found")) as receiver, pytest.raises(OutboundStatus, match="status 302"):
        read(client, url(receiver))


def test_a_declared_length_is_refused_before_the_body_is_read(client: httpx.Client) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    # Its body never comes: whoever waited for it would run into the time limit.
    with Receiver(dripping(head, b"", pause=60)) as receiver, pytest.raises(OutboundTooLarge, match="more than 1 MB"):
        read(client, url(receiver))


@pytest.mark.parametrize(
    "script",
    [
        pouring(CHUNKED, b"10000\r\n" + b"x" * 0x10000 + b"\r\n"),
        pouring(b"HTTP/1.1 200 OK\r\n\r\n", MEGABYTE),
        answering(gzipped(b"\0" * 200_000_000), "200 OK", "Content-Encoding: gzip"),
        answering(zlib.compress(b"\0" * 200_000_000), "200 OK", "Content-Encoding: deflate"),
    ],
    ids=["chunks", "until-closed", "gzip bomb", "deflate bomb"],
)
def test_what_has_no_end_is_cut_off_at_the_limit(client: httpx.Client, script: Script) -> None:
    with Receiver(script) as receiver, pytest.raises(OutboundTooLarge):
        read(client, url(receiver))


def test_a_body_of_just_the_limit_is_read(client: httpx.Client) -> None:
    with Receiver(answering(MEGABYTE)) as receiver:
        assert read(client, url(receiver)).data == MEGABYTE


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzipped(b"some text " * 20_000)),
        ("X-GZip", gzipped(b"some text " * 20_000)),
        ("deflate", zlib.compress(b"some text " * 20_000)),
        ("deflate", raw_deflate(b"some text " * 20_000)),
        ("identity", b"some text " * 20_000),
    ],
)
def test_what_is_packed_although_it_was_not_asked_for_is_unpacked(
    client: httpx.Client, encoding: str, packed: bytes
) -> None:
    with Receiver(answering(packed, "200 OK", f"Content-Encoding: {encoding}")) as receiver:
        assert read(client, url(receiver)).data == b"some text " * 20_000


@pytest.mark.parametrize(
    ("encoding", "packed", "said"),
    [
        ("br", b"\x0b\x02\x80some\x03", "packed its answer as br, which was not asked for"),
        ("gzip, gzip", b"x", "packed its answer as gzip, gzip"),
        ("gzip", b"plain", "cannot be unpacked"),
        ("gzip", gzipped(b"some text " * 20_000)[:-20], "has no end"),
    ],
)
def test_what_cannot_be_unpacked_is_refused(client: httpx.Client, encoding: str, packed: bytes, said: str) -> None:
    with (
        Receiver(answering(packed, "200 OK", f"Content-Encoding: {encoding}")) as receiver,
        pytest.raises(OutboundGarbled, match=said),
    ):
        read(client, url(receiver))


@pytest.mark.parametrize(
    "script",
    [
        silent,
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x", pause=0.05),
        dripping(CHUNKED, b"1\r\nx\r\n", pause=0.05),
    ],
    ids=["silence", "a byte at a time", "a chunk at a time"],
)
def test_a_slow_server_has_its_time(client: httpx.Client, script: Script) -> None:
    with Receiver(script) as receiver, pytest.raises(OutboundTimeout):
        read(client, url(receiver), seconds=0.5)


def test_redirects_take_of_the_same_time(client: httpx.Client) -> None:
    def late(connection: socket.socket, over: threading.Event) -> None:
        over.wait(0.4)
        leads_to(f"/{time.monotonic_ns()}")(connection, over)

    with Receiver(late) as receiver, pytest.raises(OutboundTimeout):
        read(client, url(receiver), seconds=1.0)

    assert receiver.connections <= 3


def test_a_body_that_ends_early_is_not_a_document(client: httpx.Client) -> None:
    def cut(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhalf")

    with Receiver(cut) as receiver, pytest.raises((OutboundCut, OutboundGarbled)):
        read(client, url(receiver))


def test_reading_ends_when_nobody_waits_for_it(client: httpx.Client) -> None:
    with Receiver(pouring(CHUNKED, b"1\r\nx\r\n")) as receiver, pytest.raises(OutboundTimeout, match="nobody waits"):
        fetch.fetch(client, url(receiver), seconds=60, may_go_on=lambda: False)


def test_an_account_whose_servers_are_slow_does_not_hold_up_another(resolver: Resolver) -> None:
    fetcher = fetch.Fetcher(allow=ranges([OPEN]), at_once=4, lookup=resolver)
    with Receiver(silent) as slow, Receiver(answering(b"there")) as quick:
        held = [threading.Thread(target=_hang, args=(fetcher, url(slow))) for _ in range(6)]
        for thread in held:
            thread.start()
        while slow.connections < 2:
            time.sleep(0.01)
        with pytest.raises(OutboundTimeout, match="for this account"):
            fetcher.fetch(url(quick), owner="slow", seconds=0.1)

        assert fetcher.fetch(url(quick), owner="other").data == b"there"
        assert slow.connections == 2
    for thread in held:
        thread.join()


def _hang(fetcher: fetch.Fetcher, of: str) -> None:
    with pytest.raises(OutboundError):
        fetcher.fetch(of, owner="slow", seconds=30)


def test_a_body_in_countless_chunks_is_refused_before_it_takes_the_interpreter(client: httpx.Client) -> None:
    def pour(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(CHUNKED)
        while not over.is_set():
            connection.sendall(b"1\r\na\r\n" * 10_000)

    with Receiver(pour) as receiver, pytest.raises(OutboundGarbled, match="in too many pieces"):
        read(client, url(receiver), seconds=60.0)
