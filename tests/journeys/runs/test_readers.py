"""Journey: the parsers that clients use get every line whole, whatever the text."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest
import requests

from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SSE, Api

# Everything that some parser takes for a line end, half a character or another charset.
PIECES = ("你好，", "🙂👩\u200d🚀", "a\u2028b\u2029c\u0085d\x0b\x0ce", "\r\n\r\n", "\x1c\x1d\x1e", 'é"\\\u007f', "𠀀。")
WHOLE = "".join(PIECES)

Reader = Callable[[Api, str], Iterator[str]]


def by_requests(api: Api, accept: str) -> Iterator[str]:
    with api.ask("Hello", accept=accept, stream=True) as response:
        for line in response.iter_lines():
            yield line.decode()


def by_requests_decoding(api: Api, accept: str) -> Iterator[str]:
    with api.ask("Hello", accept=accept, stream=True) as response:
        yield from response.iter_lines(decode_unicode=True)


def by_httpx(api: Api, accept: str) -> Iterator[str]:
    body = {"model": "gpt-4o", "question": "Hello"}
    with httpx.stream("POST", api.url, json=body, headers={**api.headers, "accept": accept}, timeout=30) as response:
        yield from response.iter_lines()


def by_splitting_at_crlf(api: Api, accept: str) -> Iterator[str]:
    """The parser of the vendor's own frontend of 2024."""
    yield from api.ask("Hello", accept=accept).text.rstrip("\r\n").split("\r\n")


@pytest.fixture(params=["together", "apart"])
def odd_answer(request: pytest.FixtureRequest, upstream: FakeUpstream) -> None:
    reply = says(*PIECES)
    upstream.script(reply.apart() if request.param == "apart" else reply)


@pytest.mark.usefixtures("odd_answer")
@pytest.mark.parametrize("read", [by_requests, by_requests_decoding, by_httpx, by_splitting_at_crlf])
def test_every_parser_reads_the_whole_ndjson(api: Api, read: Reader) -> None:
    lines: list[Json] = [json.loads(line) for line in read(api, NDJSON)]

    assert lines[-1]["answer"] == WHOLE
    assert "".join(line["delta_answer"] for line in lines) == WHOLE
    assert all(line.keys() == {"answer", "delta_answer", "id"} for line in lines)


@pytest.mark.usefixtures("odd_answer")
@pytest.mark.parametrize("read", [by_requests, by_requests_decoding, by_httpx])
def test_every_parser_reads_the_whole_sse(api: Api, read: Reader) -> None:
    data = [line.removeprefix("data: ") for line in read(api, SSE) if line.startswith("data: ")]

    assert data.pop() == "[DONE]"
    assert "".join(json.loads(item)["delta_answer"] for item in data) == WHOLE


def test_a_stream_is_ascii_and_ndjson_ends_lines_only_with_crlf(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says(*PIECES), says(*PIECES))

    ndjson, sse = api.ask("Hello", accept=NDJSON).content, api.ask("Hello", accept=SSE).content

    assert ndjson.isascii()
    assert sse.isascii()
    assert ndjson.replace(b"\r\n", b"").translate(None, bytes(range(32, 127))) == b""
    assert sse.replace(b"\n", b"").translate(None, bytes(range(32, 127))) == b""


def test_the_vendors_stream_reader_of_2024_gets_every_event(api: Api, upstream: FakeUpstream) -> None:
    """It splits each network chunk separately, keeps nothing between chunks, and does not trim `[DONE]`."""
    upstream.script(says("Hel", "lo", "!").apart())
    said, is_done = "", False

    with requests.post(
        api.url,
        json={"model": "gpt-4o", "question": "Hello"},
        headers={**api.headers, "Accept": SSE},
        stream=True,
        timeout=30,
    ) as response:
        for chunk in response.iter_content(chunk_size=None):
            for line in chunk.decode().split("\n"):
                if line.startswith("data: ") and line[6:] != "[DONE]":
                    said += json.loads(line[6:])["delta_answer"]
                is_done = is_done or line == "data: [DONE]"

    assert said == "Hello!"
    assert is_done
