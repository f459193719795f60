"""What the web server reads and writes on a connection, byte by byte."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from project.connections.http_protocol import HEAD_MAX_BYTES, HEAD_MAX_FIELDS
from tests.integration.project.connections.serving import connected, limits, rest, serving

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\n"
CLOSE = b"Connection: close\r\n"
INVALID = b"Invalid HTTP request received."
PIECES = (b"data: 1\n\n", b"", b"data: 22\n\n", b"data: [DONE]\n\n")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """`/stream` answers in pieces, everything else with what it was asked."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in PIECES:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})
        return
    names = sorted(name.decode() for name, _ in scope["headers"])
    asked = {"path": scope["path"], "query": scope["query_string"].decode(), "headers": names, "body": body.decode()}
    content = orjson.dumps({"method": scope["method"], **asked})
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(scope="module")
def address() -> Iterator[Any]:
    with serving(echo, within=limits()) as served:
        yield served


def exchange(address: Any, *pieces: bytes) -> bytes:
    """All bytes received until the server closes."""
    with connected(address, *pieces) as connection:
        return rest(connection)


def request(
    body: bytes = b"", *, head: bytes = b"", line: bytes = b"POST /x HTTP/1.1", host: bytes = b"Host: a\r\n"
) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return line + b"\r\n" + host + head + length + b"\r\n" + body


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


def answers(got: bytes) -> list[dict[str, Any]]:
    """The JSON of each of the responses that came back to back."""
    found = []
    while got:
        head, _, got = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(orjson.loads(got[:length]))
        got = got[length:]
    return found


def test_ignores_an_offer_of_http_2(address: Any) -> None:
    got = exchange(address, request(b'{"a": 1}', head=OFFER + CLOSE + b"X-Kept: 1\r\n"))

    asked = {"method": "POST", "path": "/x", "query": "", "body": '{"a": 1}'}
    assert answers(got) == [{**asked, "headers": ["connection", "connection", "content-length", "host", "x-kept"]}]


@pytest.mark.parametrize("size", [1, 7, 70_000])
def test_reads_a_body_after_an_offer_however_it_comes(address: Any, size: int) -> None:
    body = b"b" * 300
    whole = request(body, head=OFFER + b"Connection: close\r\n", line=b"PUT /y?q=1 HTTP/1.1")

    got = exchange(address, *(whole[start : start + size] for start in range(0, len(whole), size)))

    (answer,) = answers(got)
    assert (answer["method"], answer["path"], answer["query"], answer["body"]) == ("PUT", "/y", "q=1", body.decode())


def test_reads_chunks_after_an_offer(address: Any) -> None:
    got = exchange(address, request(head=OFFER + CLOSE + b"Transfer-Encoding: chunked\r\n") + chunked(b"ab", b"c"))

    assert [answer["body"] for answer in answers(got)] == ["abc"]


def test_keeps_the_connection_after_an_offer(address: Any) -> None:
    """Many at once come in one piece: each is answered, in their order."""
    offers = [request(b"%d" % number, head=OFFER) for number in range(1_500)]

    got = exchange(address, b"".join(offers) + request(b"last", head=CLOSE))

    assert [answer["body"] for answer in answers(got)] == [*(str(number) for number in range(1_500)), "last"]


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0", b"h2c, websocket", b""])
def test_ignores_every_offered_protocol(address: Any, protocol: bytes) -> None:
    head = b"Connection: close, upgrade\r\nUpgrade: " + protocol + b"\r\n"

    got = exchange(address, request(b"x", head=head))

    assert [answer["body"] for answer in answers(got)] == ["x"]


@pytest.mark.parametrize("head", [b"", b"Connection: keep-alive\r\n", OFFER], ids=["plain", "keep-alive", "offer"])
@pytest.mark.parametrize("host", [b"", b"Host: a\r\n"], ids=["no host", "host"])
def test_sends_http_1_0_no_chunks(address: Any, head: bytes, host: bytes) -> None:
    """The end of the body is the end of the connection."""
    got = exchange(address, request(b"q", line=b"POST /stream HTTP/1.0", head=head, host=host))

    first, _, body = got.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in first
    assert b"connection: close" in first
    assert body == b"".join(PIECES)


def test_tells_http_1_0_a_length_that_is_known(address: Any) -> None:
    got = exchange(address, request(b"q", line=b"POST /x HTTP/1.0"))

    assert [answer["body"] for answer in answers(got)] == ["q"]


def test_answers_a_head_request_of_http_1_0_without_a_body(address: Any) -> None:
    got = exchange(address, request(line=b"HEAD /stream HTTP/1.0"))

    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.endswith(b"\r\n\r\n")


def test_sends_http_1_1_chunks(address: Any) -> None:
    _, _, body = exchange(address, request(head=CLOSE, line=b"GET /stream HTTP/1.1")).partition(b"\r\n\r\n")

    assert body == chunked(*(piece for piece in PIECES if piece))


CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "wire",
    [
        request(host=b""),
        request(host=b"Host: a\r\nHost: b\r\n"),
        request(host=b"Host: a\r\nHost: a\r\n"),
        request(line=b"GET / HTTP/1.0", host=b"Host: a\r\nHost: b\r\n"),
        request(line=b"CONNECT a:443 HTTP/1.1"),
        request(line=b"CONNECT /x HTTP/1.1"),
        request(b"{}", head=b"Content-Length: 5\r\n"),
        request(b"{}", head=b"Content-Length: 2\r\n"),
        request(b"{}", head=CHUNKED),
        request(b"{}", head=OFFER + CHUNKED),
        request(b"{}", head=OFFER + b"Content-Length: 5\r\n"),
        request(head=CHUNKED + CHUNKED) + chunked(b"a"),
        request(head=b"Transfer-Encoding: chunked, identity\r\n") + chunked(b"a"),
        request(head=CHUNKED) + b"2\r\nabc\r\n0\r\n\r\n",
        request(head=CHUNKED) + b"fffffffffffffffffff\r\n",
        request(head=CHUNKED) + b"2\n{}\n0\n\n",
        request(head=b"Content-Length: +2\r\n") + b"{}",
        request(head=b"Content-Length : 2\r\n") + b"{}",
        request(head=b"Content-Length: " + b"0" * 5_000 + b"2\r\n") + b"{}",
        request(head=b"X-A: b\r\n folded\r\n"),
        request(head=b"X-A: b\x00c\r\n"),
        request(head=b"X\x00A: b\r\n"),
        request(line=b"GET /a\x00b HTTP/1.1"),
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200,
    ],
    ids=lambda wire: repr(wire)[:60],
)
def test_refuses_what_two_readers_could_read_differently(address: Any, wire: bytes) -> None:
    """And closes the connection, so that nothing after it is read as a request."""
    got = exchange(address, wire + request(line=b"GET /after HTTP/1.1"))

    assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert got.endswith(b"\r\n\r\n" + INVALID)
    assert b"/after" not in got


def test_does_not_take_trailers_for_headers(address: Any) -> None:
    end = b"0\r\nAuthorization: Bearer other\r\nX-Extra: 1\r\n\r\n"
    wire = request(head=CHUNKED) + chunked(b"a", end=end) + request(b"b", head=CLOSE)

    first, second = answers(exchange(address, wire))

    assert (first["body"], first["headers"]) == ("a", ["host", "transfer-encoding"])
    assert (second["body"], second["headers"]) == ("b", ["connection", "content-length", "host"])


LONG = b"x" * HEAD_MAX_BYTES


@pytest.mark.parametrize(
    "wire",
    [
        request(head=b"X: " + LONG + b"\r\n"),
        request(head=b"".join(b"X-%d: 1\r\n" % number for number in range(10_000))),
        request(head=b"a:\r\n" * 50_000),
        request(head=b"X-A: b\r\n" * HEAD_MAX_FIELDS),
        request(head=LONG + b": a\r\n"),
        LONG * 4,
        b"\r\n" * HEAD_MAX_BYTES,
        b"GET /" + LONG,
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + LONG,
        request(head=CHUNKED) + b"1;" + LONG + LONG * 4,
        request(head=CHUNKED) + b"1\r\na\r\n0\r\nX: " + LONG + LONG * 4,
        request(head=CHUNKED) + b"1\r\na\r\n0\r\n" + b"X: y\r\n" * 20_000,
        request(head=CHUNKED) + (b"1;" + b"x" * 40_000 + b"\r\na\r\n") * 3,
        request(head=CHUNKED) + b"0" * HEAD_MAX_BYTES * 2,
    ],
    ids=[
        "one header",
        "many headers",
        "small headers",
        "a header too many",
        "a header's name",
        "a method",
        "empty lines",
        "endless line",
        "endless header",
        "endless extension",
        "endless trailer",
        "many trailers",
        "many extensions",
        "endless size",
    ],
)
@pytest.mark.parametrize("size", [100, 8_192, 1_000_000])
def test_refuses_a_head_without_end(address: Any, wire: bytes, size: int) -> None:
    """In whatever pieces it comes; and a client that is still sending can read the answer."""
    got = exchange(address, *(wire[start : start + size] for start in range(0, len(wire), size)))

    assert got.endswith(b"\r\n\r\n" + INVALID)


def test_accepts_a_body_in_the_smallest_of_chunks(address: Any) -> None:
    got = exchange(address, request(head=CHUNKED + CLOSE) + chunked(*[b"a"] * 30_000))

    assert [len(answer["body"]) for answer in answers(got)] == [30_000]


def test_accepts_a_head_of_reasonable_length(address: Any) -> None:
    query = b"q" * 30_000

    got = exchange(address, request(head=CLOSE + b"X: " + query + b"\r\n", line=b"GET /x?" + query + b" HTTP/1.1"))

    assert [len(answer["query"]) for answer in answers(got)] == [30_000]


def test_waits_for_a_body_only_when_it_is_wanted(address: Any) -> None:
    got = exchange(address, request(b"abc", head=b"Expect: 100-continue\r\n" + CLOSE))

    told, _, rest = got.partition(b"\r\n\r\n")
    assert told == b"HTTP/1.1 100 Continue"
    assert [answer["body"] for answer in answers(rest)] == ["abc"]


@pytest.mark.parametrize("target", [b"http://other.example/p?q=1", b"/p?q=1"])
def test_reads_the_path_of_a_whole_url(address: Any, target: bytes) -> None:
    """The Host header still names the host: the one in the request target is not checked by anybody."""
    (answer,) = answers(exchange(address, request(head=CLOSE, line=b"GET " + target + b" HTTP/1.1")))

    assert (answer["path"], answer["query"], answer["headers"]) == ("/p", "q=1", ["connection", "host"])


def test_answers_requests_that_come_together_in_their_order(address: Any) -> None:
    wire = b"".join(request(b"%d" % number) for number in range(5)) + request(b"5", head=CLOSE)

    assert [answer["body"] for answer in answers(exchange(address, wire))] == ["0", "1", "2", "3", "4", "5"]
