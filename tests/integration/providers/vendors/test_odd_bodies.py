"""Bodies with another length or encoding than their head says. For odd heads see `test_odd_headers.py`."""

import gzip
import json
import zlib
from functools import partial

import httpx
import pytest

from providers import errors
from tests.fakes.replies import Reply, answers, chunk, completion, fails, says, streams
from tests.fakes.upstream import FakeUpstream
from tests.integration.providers.clients import SECRET, ask, target

# Without the time, which would be part of the tests' ids and differ between the processes that run them.
gzipped = partial(gzip.compress, mtime=0)

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b"".join(step for step in says("Hello").steps if isinstance(step, bytes))
WHOLE = json.dumps(completion("Hello")).encode()


def raw(*parts: bytes) -> Reply:
    return Reply(parts, raw=True)


@pytest.mark.parametrize(
    "reply",
    [
        raw(OK, b"\r\n", BODY),
        raw(OK, b"Content-Length: %d\r\n\r\n" % len(BODY), BODY),
        raw(OK, b"Content-Length: %d\r\n\r\n" % (len(WHOLE) + 50), WHOLE),
        raw(OK, b"Content-Length: %d\r\n\r\n" % (len(BODY) + 50), BODY),
        raw(OK, b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n" % (len(BODY), BODY), b"nonsense"),
        raw(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK, b"\r\n", BODY),
        raw(b"HTTP/1.0 200 OK\r\n\r\n", BODY),
        raw(OK, b"".join(b"X-%d: y\r\n" % number for number in range(1000)), b"\r\n", BODY),
        raw(OK, b"Content-Type: \xff\xfe\r\nX-Request-Id: \xff\r\n\r\n", BODY),
        raw(b"HTTP/1.1 299 Strange\r\n\r\n", BODY),
        raw(b"HTTP/9.9 200 OK\r\n\r\n", BODY),
    ],
)
def test_reads_an_answer_in_spite_of_its_head(reply: Reply, upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(reply)

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text, outcome.http_calls) == (None, "Hello", 1)


@pytest.mark.parametrize(
    "reply",
    [
        raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
        raw(b"\x15\x03\x01\x00\x02\x02F"),
        raw(BODY),
        raw(b"HTTP/1.1 100 Continue\r\n\r\n"),
        raw(b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"),
        raw(b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"),
        raw(b"HTTP/1.1 308 Moved\r\nLocation: \xff\r\nContent-Length: 0\r\n\r\n"),
        raw(OK, b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
        raw(OK, b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n"),
        raw(OK, b"X: ", b"y" * 1_000_000, b"\r\n\r\n", BODY),
        raw(OK, b"".join(b"X-%d: y\r\n" % number for number in range(20_000)), b"\r\n", BODY),
        raw(OK, b"no colon\r\n\r\n", BODY),
        raw(OK, b"\r\n"),
        raw(b"HTTP/1.1 500 \xff\xfe\r\n\r\n"),
        raw(b"HTTP/1.1 503 Busy\r\nRetry-After: 90\r\nContent-Length: 500\r\n\r\nshort"),
        fails(429, headers={"Retry-After": "90", "X-Request-Id": "r" * 5000}),
    ],
)
def test_ends_as_an_error_of_the_vendor(reply: Reply, upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(*[reply] * 3)

    outcome = ask(http, target(upstream, read_timeout=2.0))

    assert isinstance(outcome.error, errors.ProviderError)
    assert not isinstance(outcome.error, errors.CallAborted)
    assert (outcome.text, outcome.request_id is None or len(outcome.request_id) <= 200) == ("", True)


def test_cuts_a_long_request_id(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(says("Hello").with_headers(x_request_id="r" * 5000))

    assert ask(http, target(upstream)).request_id == "r" * 200


def test_keeps_no_request_id_that_holds_our_key(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(says("Hello").with_headers(x_request_id=f"req-{SECRET}"))

    assert ask(http, target(upstream)).request_id is None


def deflated(data: bytes, window: int) -> bytes:
    stream = zlib.compressobj(wbits=window)
    return stream.compress(data) + stream.flush()


PACKED = [pack(data) for data in (BODY, WHOLE) for pack in (gzipped, zlib.compress)]


@pytest.mark.parametrize("packed", [*PACKED, deflated(BODY, 31), deflated(BODY, 15)])
@pytest.mark.parametrize("named", ["", "gzip", "x-gzip", "deflate", "br", "identity", "nonsense, gzip"])
@pytest.mark.parametrize("size", [10**6, 1])
def test_reads_a_compressed_answer_whatever_its_header_says(
    packed: bytes, named: str, size: int, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    reply = Reply((packed,)).split(size)
    upstream.script(reply.with_headers(content_encoding=named) if named else reply)

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text, outcome.http_calls) == (None, "Hello", 1)


def test_reads_bare_deflate_where_it_is_named(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    upstream.script(Reply((deflated(BODY, -15),)).with_headers(content_encoding="deflate"))

    assert ask(http, target(upstream)).text == "Hello"


@pytest.mark.parametrize("named", ["gzip", "deflate", "br", "zstd", "identity", "nonsense"])
@pytest.mark.parametrize("data", [BODY, WHOLE, ": 你好\n\n".encode() + BODY])
def test_reads_a_plain_answer_that_is_said_to_be_compressed(
    named: str, data: bytes, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(Reply((data,)).with_headers(content_encoding=named))

    outcome = ask(http, target(upstream))

    assert (outcome.error, outcome.text, outcome.http_calls) == (None, "Hello", 1)


@pytest.mark.parametrize(
    ("packed", "named", "word"),
    [
        (b"\x28\xb5\x2f\xfd\x04\x00" + b"\x81" * 50, "zstd", "zstd"),
        (b"\x28\xb5\x2f\xfd\x04\x00" + b"\x81" * 50, "", "zstd"),
        (b"\x1b\x2f\x00\xf8" + b"\x8d\x01" * 50, "br", "br"),
        (b"\x1b\x2f\x00\xf8" + b"\x8d\x01" * 50, "x" * 5000, "x" * 40 + ","),
        (gzipped(BODY)[:15] + b"\xff" * 50, "gzip", "unpacked"),
        (b"\x1b\x2f\x00\xf8" + b"\x8d\x01" * 50, "deflate", "unpacked"),
    ],
)
def test_refuses_what_it_cannot_unpack_by_its_name(
    packed: bytes, named: str, word: str, upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    reply = Reply((packed,))
    upstream.script(reply.with_headers(content_encoding=named) if named else reply)

    outcome = ask(http, target(upstream))

    assert type(outcome.error) is errors.UpstreamGarbled
    assert word in outcome.error.message
    assert outcome.http_calls == 1


def test_recognises_a_compressed_answer_that_was_cut(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    packed = gzipped(b"".join(s for s in streams(chunk({"content": "Hel"})).steps if isinstance(s, bytes)))
    upstream.script(Reply((packed[:-4],)).with_headers(content_encoding="gzip"))

    outcome = ask(http, target(upstream))

    assert (type(outcome.error), outcome.text) == (errors.UpstreamCut, "Hel")


def test_unpacks_a_decompression_bomb_in_bounded_pieces(upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    """A stream and a whole body, each also compressed twice."""
    line = gzipped(b"data: " + b"x" * 100_000_000, compresslevel=9)
    body = gzipped(b'{"x": "' + b"x" * 100_000_000, compresslevel=9)
    assert max(len(line), len(body)) < 150_000
    bombs = [line, body, gzipped(line), gzipped(body)]
    upstream.script(*[Reply((bomb,)).with_headers(content_encoding="gzip") for bomb in bombs])

    found = [ask(http, target(upstream)).error for _ in bombs]

    assert [type(error) for error in found] == [
        errors.UpstreamGarbled,
        errors.AnswerTooLong,
        *[errors.UpstreamGarbled] * 2,
    ]


@pytest.mark.parametrize("named", ["gzip", ""])
def test_reads_a_compressed_error(named: str, upstream: FakeUpstream, http: httpx.BaseTransport) -> None:
    packed = gzipped(b'{"error": {"message": "no such option", "code": "bad_request"}}')
    reply = answers(packed, status=400)
    upstream.script(reply.with_headers(content_encoding=named) if named else reply)

    outcome = ask(http, target(upstream))

    assert outcome.error is not None
    assert (type(outcome.error), outcome.error.message) == (errors.UpstreamRejected, "no such option")


def test_maps_an_error_by_its_status_when_its_body_cannot_be_unpacked(
    upstream: FakeUpstream, http: httpx.BaseTransport
) -> None:
    upstream.script(answers(b"\x1b\x2f\x00\xf8" + b"\x8d\x01" * 50, status=403).with_headers(content_encoding="br"))

    assert type(ask(http, target(upstream)).error) is errors.UpstreamAuthFailed
