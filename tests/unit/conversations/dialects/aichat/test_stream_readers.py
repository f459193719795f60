"""The readers that are out there, over real loopback HTTP: each write of a stream is one chunk on the wire."""

import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import requests

from conversations.dialects.aichat.stream import NdjsonStream, SseStream
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.events import TextDelta
from tests.unit.conversations.dialects.aichat.reply_context import context

# One delta each; U+0085, U+2028 and friends end a line for `str.splitlines`.
MIXED = ["你好，", "世界\u2028", "emoji 😀👨‍👩‍👧", "\x85\x0b\x0c\x1c", "\u2029\r\n", '"quotes" \\ {json}', "end"]
# Lines of every length from 400 to 1200 bytes, one longer than the other.
LENGTHS = ["x" * 350, *["x"] * 810]
COMPLETED = RunEnded(RunStatus.COMPLETED)
FAILED = RunEnded(RunStatus.FAILED, error_code="upstream_failed", error_message="断了")


class Loopback:
    """Serves `writes` under `content_type`, one HTTP chunk each."""

    def __init__(self) -> None:
        self.writes: Sequence[bytes] = ()
        self.content_type = ""
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", loopback.content_type)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for data in [*loopback.writes, b""]:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def serve(self, writes: Sequence[bytes], *, content_type: str) -> str:
        self.writes, self.content_type = writes, content_type
        return self.url


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    served = Loopback()
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        # No proxy of the machine's may stand between.
        session.trust_env = False
        yield session


def items(deltas: Sequence[str], ended: RunEnded) -> list[RunEvent]:
    texts = [RunEvent(position, TextDelta(delta)) for position, delta in enumerate(deltas, 1)]
    return [*texts, RunEvent(len(deltas) + 1, ended)]


def lines_of(deltas: Sequence[str], ended: RunEnded = COMPLETED) -> list[bytes]:
    stream = NdjsonStream(context())
    return [data for item in items(deltas, ended) if (data := stream.feed(item))]


def events_of(deltas: Sequence[str], ended: RunEnded = COMPLETED) -> list[bytes]:
    stream = SseStream(context())
    return [data for item in items(deltas, ended) if (data := stream.feed(item))]


def deltas_in(lines: list[Any]) -> list[str]:
    """As the tutorials do it: every line that comes is parsed, an empty one crashes."""
    return [json.loads(line)["delta_answer"] for line in lines]


@pytest.mark.parametrize("deltas", [MIXED, LENGTHS], ids=["mixed", "lengths"])
@pytest.mark.parametrize("content_type", [NdjsonStream.content_type, "application/x-ndjson", "text/plain"])
class TestNdjson:
    @pytest.mark.parametrize("chunk_size", [512, 1024])
    def test_requests_reads_bytes(
        self, loopback: Loopback, session: requests.Session, deltas: list[str], content_type: str, chunk_size: int
    ) -> None:
        url = loopback.serve(lines_of(deltas), content_type=content_type)

        with session.get(url, stream=True, timeout=60) as response:
            assert deltas_in(list(response.iter_lines(chunk_size=chunk_size))) == deltas

    def test_requests_reads_text(
        self, loopback: Loopback, session: requests.Session, deltas: list[str], content_type: str
    ) -> None:
        url = loopback.serve(lines_of(deltas), content_type=content_type)

        with session.get(url, stream=True, timeout=60) as response:
            assert deltas_in(list(response.iter_lines(decode_unicode=True))) == deltas

    def test_httpx_reads_text(self, loopback: Loopback, deltas: list[str], content_type: str) -> None:
        url = loopback.serve(lines_of(deltas), content_type=content_type)

        with httpx.Client(trust_env=False) as client, client.stream("GET", url) as response:
            assert deltas_in(list(response.iter_lines())) == deltas


def test_the_frontend_of_2024_parses_the_last_line_at_each_progress(
    loopback: Loopback, session: requests.Session
) -> None:
    url = loopback.serve(lines_of(MIXED), content_type=NdjsonStream.content_type)
    body, answers = "", []

    with session.get(url, stream=True, timeout=60) as response:
        for chunk in response.raw.stream(None):
            body += chunk.decode()
            last = [line for line in body.split("\r\n") if line][-1]
            answers.append(json.loads(last)["answer"])

    assert answers == ["".join(MIXED[:count]) for count in range(1, len(MIXED) + 1)]


def test_without_the_padding_a_reader_would_meet_an_empty_line(loopback: Loopback, session: requests.Session) -> None:
    """The padding rule earns its place: unpadded lines of the same lengths do break `requests`."""
    unpadded = [line.rstrip() + b"\r\n" for line in lines_of(LENGTHS)]
    url = loopback.serve(unpadded, content_type=NdjsonStream.content_type)

    with session.get(url, stream=True, timeout=60) as response:
        assert b"" in list(response.iter_lines())


def test_the_lines_above_cover_every_length_that_matters() -> None:
    lines = lines_of(LENGTHS)

    assert {len(line.rstrip()) for line in lines} >= set(range(400, 1201))
    assert [len(line) for line in lines if line.endswith(b" \r\n")] == [514, 1026]


def test_a_last_line_reader_finds_the_answer_beside_the_error() -> None:
    body = b"".join(lines_of(MIXED, FAILED)).decode()

    last = json.loads([line for line in body.split("\r\n") if line][-1])

    assert last == {
        "answer": "".join(MIXED),
        "delta_answer": "",
        "id": "c-1",
        "error": {"code": "chat_error", "message": "断了"},
        "trace_id": "t-1",
    }


def frontend_of_2024(chunks: Sequence[bytes]) -> tuple[str, str, bool]:
    """Text, id and whether it ended. Each chunk by itself, no carry-over, `[DONE]` compared untrimmed."""
    answer, conversation_id = "", ""
    for chunk in chunks:
        for line in chunk.decode().split("\n"):
            if not line.startswith("data: "):
                continue
            if line[6:] == "[DONE]":
                return answer, conversation_id, True
            data = json.loads(line[6:])
            answer, conversation_id = answer + data["delta_answer"], data["id"]
    return answer, conversation_id, False


class TestSse:
    @pytest.mark.parametrize("ended", [COMPLETED, FAILED])
    def test_the_frontend_of_2024_skips_positions_and_comments(self, ended: RunEnded) -> None:
        chunks = [SseStream.keep_alive, *events_of(MIXED, ended)]

        assert frontend_of_2024(chunks) == ("".join(MIXED), "c-1", True)

    def test_the_frontend_of_2024_learns_the_id_of_an_empty_answer(self) -> None:
        assert frontend_of_2024(events_of([])) == ("", "c-1", True)

    @pytest.mark.parametrize("content_type", [SseStream.content_type, "text/event-stream"])
    def test_requests_reads_text_even_without_a_charset(
        self, loopback: Loopback, session: requests.Session, content_type: str
    ) -> None:
        url = loopback.serve([SseStream.keep_alive, *events_of(MIXED)], content_type=content_type)

        with session.get(url, stream=True, timeout=60) as response:
            lines = [line for line in response.iter_lines(decode_unicode=True) if line]

        assert lines[:2] == [": PING", "id: 1"]
        assert frontend_of_2024(["\n".join(lines).encode()]) == ("".join(MIXED), "c-1", True)

    def test_httpx_reads_text(self, loopback: Loopback) -> None:
        url = loopback.serve(events_of(MIXED), content_type=SseStream.content_type)

        with httpx.Client(trust_env=False) as client, client.stream("GET", url) as response:
            body = "\n".join(response.iter_lines())

        assert frontend_of_2024([body.encode()]) == ("".join(MIXED), "c-1", True)
