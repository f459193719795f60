"""A language model vendor on loopback: a real HTTP server in a thread of its own, scripted by the test.

    with FakeUpstream() as upstream:
        upstream.script(fails(503), says("Hel", "lo"))     # the next two requests, in order
        upstream.on_model("o3-mini", says("hm"))           # every request for that model
        upstream.on_text("slow", says("…").delayed(0.1))   # every request whose last text holds "slow"
        … point a client at upstream.base_url …
        assert upstream.requests[0].body["model"] == "o3-mini"

The reply is looked up in this order: the script, the text, the model, then `upstream.default` (a function of the body),
which is `defaults.py` unless set. Replies are made in `replies.py`. Stalled ones continue after `release()`, controlled
ones perform the steps of `send_steps()`, and those whose words come `apart` ask `events_shown` how many were shown.
`stop()` refuses connections until `start()` opens the same port again. All methods are thread-safe.
"""

import asyncio
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from tests.fakes.defaults import default_reply, last_text
from tests.fakes.replies import Act, Again, Controlled, Json, Pause, Reply, Shown, Step, fails

Awaited = TypeVar("Awaited")

ROUTES = ("/chat/completions", "/completions", "/embeddings")
START_SECONDS = 30.0
# How long a very slow machine may take; after this time nothing more will happen.
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.005
# How many bytes of an endless reply are written before they are read.
WRITE_AHEAD_BYTES = 1024 * 1024
REASONS = {200: "OK", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable"}


@dataclass
class Received:
    """One request. `finished`: the reply was sent completely. `disconnected`: the client closed before that."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    at: float = field(default_factory=time.monotonic)
    finished: threading.Event = field(default_factory=threading.Event)
    disconnected: threading.Event = field(default_factory=threading.Event)

    @property
    def body(self) -> Json:
        return dict(json.loads(self.raw))

    @property
    def messages(self) -> list[Json]:
        return list(self.body["messages"])


class FakeUpstream:
    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: with a certificate for `localhost`."""
        self._tls = tls
        self.requests: list[Received] = []
        self.default: Callable[[Json], Reply] = default_reply
        # Of the answer that is being sent; only the service under test knows it.
        self.events_shown: Callable[[], int] = _unknown_progress
        self._script: deque[Reply] = deque()
        self._by_model: dict[str, Reply] = {}
        self._by_text: dict[str, Reply] = {}
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-upstream", daemon=True)
        self.port = 0
        self.connections_made = 0

    @property
    def base_url(self) -> str:
        return f"https://localhost:{self.port}/v1" if self._tls else f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Listen; after `stop` on the same port as before."""
        self._run(self._listen())

    def stop(self) -> None:
        """Close all connections and refuse new ones."""
        self._run(self._close())

    def script(self, *replies: Reply) -> None:
        self._script.extend(replies)

    def on_model(self, model: str, reply: Reply) -> None:
        self._by_model[model] = reply

    def on_text(self, text: str, reply: Reply) -> None:
        self._by_text[text] = reply

    def release(self) -> None:
        """Let every reply continue that stalls now or later."""
        self._loop.call_soon_threadsafe(self._released.set)

    def hold(self) -> None:
        """Let replies stall again."""
        self._loop.call_soon_threadsafe(self._released.clear)

    def send_steps(self, controlled: Controlled, *steps: Step) -> None:
        """The next steps of a controlled reply; they may be sent before it has come that far."""
        for step in steps:
            self._loop.call_soon_threadsafe(controlled.steps.put_nowait, step)

    def reset(self) -> None:
        """Clear requests and replies, for a server that many tests share."""
        self.hold()
        self.requests.clear()
        self.connections_made = 0
        self._script.clear()
        self._by_model.clear()
        self._by_text.clear()
        self.default = default_reply

    def wait_for_requests(self, count: int, *, seconds: float = PATIENCE_SECONDS) -> list[Received]:
        """The requests, once there are `count`. Raises AssertionError when there are fewer in time."""
        with self._news:
            is_complete = self._news.wait_for(lambda: len(self.requests) >= count, seconds)
        assert is_complete, f"{len(self.requests)} requests in {seconds} s, expected {count}"
        return self.requests

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    async def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.port = listener.getsockname()[1]
        self._server = await self._loop.create_server(lambda: _Connection(self), sock=listener, ssl=self._tls)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.disconnect()
        await asyncio.sleep(0)

    def _received(self, request: Received) -> Reply:
        with self._news:
            self.requests.append(request)
            self._news.notify_all()
        if not request.path.endswith(ROUTES):
            return fails(404, "no such route")
        if self._script:
            return self._script.popleft()
        body = request.body
        text = last_text(body)
        by_text = next((reply for key, reply in self._by_text.items() if key in text), None)
        return by_text or self._by_model.get(body.get("model", "")) or self.default(body)


class _Connection(asyncio.Protocol):
    """As much HTTP/1.1 as our clients need: keep-alive, Content-Length in, chunked or Content-Length out."""

    transport: asyncio.Transport

    def __init__(self, upstream: FakeUpstream) -> None:
        self._upstream = upstream
        self._buffer = b""
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._request: Received | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upstream._connections.add(self)
        self._upstream.connections_made += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream._connections.discard(self)
        self._gone.set()
        if self._request is not None and not self._request.finished.is_set():
            self._request.disconnected.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._take_request()

    def _take_request(self) -> None:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator or self._request is not None:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, path, _ = first.split(" ")
        self._request = Received(method, path, headers, rest[:length])
        self._task = asyncio.ensure_future(self._answer(self._request))

    async def _answer(self, request: Received) -> None:
        reply = self._upstream._received(request)
        if reply.raw:
            if await self._perform(reply.steps, _as_is):
                request.finished.set()
                self.disconnect()
        elif await self._perform(reply.first, _as_is):
            self.transport.write(_head(reply))
            if await self._perform(reply.steps, _as_is if reply.length else _as_chunk):
                self.transport.write(b"" if reply.length else b"0\r\n\r\n")
                request.finished.set()
                self._request = None
                self._take_request()

    async def _perform(self, steps: tuple[Step, ...], frame: Callable[[bytes], bytes]) -> bool:
        """Perform the steps; False when the connection ended meanwhile."""
        for step in steps:
            if isinstance(step, bytes):
                self.transport.write(frame(step))
                await asyncio.sleep(0)  # so that the next write is a packet of its own
            elif isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Again):
                await self._repeat(step, frame)
            elif isinstance(step, Shown):
                await self._until(self._shown(step.events))
            elif isinstance(step, Controlled):
                await self._follow(step, frame)
            elif step is Act.STALL:
                await self._until(self._upstream._released.wait())
            elif step is Act.CUT:
                self.disconnect()
            if self._gone.is_set() or self.transport.is_closing():
                return False
        return True

    async def _repeat(self, again: Again, frame: Callable[[bytes], bytes]) -> None:
        while not (self._gone.is_set() or self.transport.is_closing()):
            if self.transport.get_write_buffer_size() < WRITE_AHEAD_BYTES:
                self.transport.write(frame(again.data))
            await asyncio.sleep(again.seconds)

    async def _follow(self, controlled: Controlled, frame: Callable[[bytes], bytes]) -> None:
        while (step := await self._until(controlled.steps.get())) is not Act.CONTINUE:
            if step is None or not await self._perform((step,), frame):
                return

    async def _shown(self, events: int) -> None:
        """Wait until so many events were shown; close the connection when they are not."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await asyncio.to_thread(self._upstream.events_shown) < events:
                    await asyncio.sleep(POLL_SECONDS)
        except Exception:
            self.disconnect()
            raise

    async def _until(self, awaited: Coroutine[Any, Any, Awaited]) -> Awaited | None:
        """The result; None when the client closed first."""
        work, gone = asyncio.ensure_future(awaited), asyncio.ensure_future(self._gone.wait())
        _, pending = await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        return work.result() if work not in pending else None

    def disconnect(self) -> None:
        """Close; at once when the client does not read, since what waits for it would never be sent."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()


def _unknown_progress() -> int:
    raise AssertionError("Set events_shown: this vendor does not know what readers were shown.")


def _head(reply: Reply) -> bytes:
    headers = {"Content-Type": reply.content_type, "x-request-id": "req-fake", **reply.headers}
    if reply.length:
        headers["Content-Length"] = str(sum(len(step) for step in reply.steps if isinstance(step, bytes)))
    else:
        headers["Transfer-Encoding"] = "chunked"
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Status')}", *map(": ".join, headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _as_is(data: bytes) -> bytes:
    return data


def _as_chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n" if data else b""
