"""uvicorn's HTTP/1.1 protocol on httptools, completed with what real clients send and it does not handle (ADR 12).

It costs less than h11 and is stricter: h11 joins folded header lines and accepts Content-Length beside chunks.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from project.connections.bounded_protocol import App, BoundedProtocol

# Of a request line with its headers. Also of the bytes between the pieces of a body: chunk sizes and trailers.
HEAD_MAX_BYTES = 65_536
HEAD_MAX_FIELDS = 256
# A colon with its space, and the end of the line.
FIELD_BYTES = 4
# As many as the parser lets a number have.
LENGTH_MAX_DIGITS = 20
# Given to the parser in one call. It cannot be stopped within a call, however many requests that holds.
READ_BYTES = 16_384
# What one piece of a body may take besides twice its length: the chunk's size and its line ends.
PIECE_BYTES = 16
INVALID = "Invalid HTTP request received."
# The fields of an Upgrade offer; the same words are removed from `Connection`.
_UPGRADE_FIELDS = frozenset({b"upgrade", b"http2-settings"})

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class InvalidHead(Exception):
    """Answered with 400; the connection ends."""


class StrictHttpProtocol(BoundedProtocol):
    """One connection.

    An Upgrade to another protocol is ignored, as a server may (RFC 9110, 7.8): every JDK's HttpClient offers one with
    its first request. HTTP/1.0 clients get bodies without chunks. What no real client sends is refused.
    """

    _head_bytes = 0
    # Received since the last complete head or piece of a body, such as empty lines, chunk sizes, a head without end.
    _overhead_bytes = 0
    _unread = b""

    def data_received(self, data: bytes) -> None:
        if self.note_received(len(data)):
            self._unread += data
            self._read()

    def _resume_reading(self) -> None:
        self._read()
        super()._resume_reading()

    def _read(self) -> None:
        """Parse what was received, up to the first request that has to wait. The rest is kept unread."""
        data, start = self._unread, 0
        while start < len(data) and not self._is_blocked():
            self._read_piece(data[start : start + READ_BYTES])
            start += READ_BYTES
        self._unread = b"" if self._is_refused else data[start:]

    def _read_piece(self, data: bytes) -> None:
        try:
            self._feed(data)
        except (httptools.HttpParserError, InvalidHead):
            # At DEBUG only: anybody who can connect could fill the log with it.
            self.logger.debug(INVALID)
            self._refuse()

    def _feed(self, data: bytes) -> None:
        self._overhead_bytes += len(data)
        while data:
            data = self._feed_until_upgrade(data)
        if self._overhead_bytes > HEAD_MAX_BYTES:
            raise InvalidHead

    def _refuse(self) -> None:
        """Answer with 400 and close the connection, once the earlier requests are answered."""
        self._is_refused = True
        if self.pipeline:
            if self.cycle.more_body:
                self.pipeline.popleft()
            self.flow.pause_reading()
        elif self._active and not self._active.response_complete and not self._active.more_body:
            self.flow.pause_reading()
        else:
            self._end_refused()

    def _end_refused(self) -> None:
        """When an answer has already begun, it is cut instead."""
        if self._active and self._active.response_started and not self._active.response_complete:
            self.transport.close()
        else:
            self.send_400_response(INVALID)

    def _await_request(self) -> None:
        if self._is_refused:
            self.send_400_response(INVALID)
        else:
            super()._await_request()

    def _feed_until_upgrade(self, data: bytes) -> bytes:
        """Feed the parser. Returns what is left: after an Upgrade, the request without it and all that follows."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            head = self._head_without_upgrade()
            # The old parser reads no further: it takes the rest for another protocol.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            return head + data[upgrade.args[0] :]
        return b""

    def _head_without_upgrade(self) -> bytes:
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                words = [word for word in value.split(b",") if word.strip().lower() not in _UPGRADE_FIELDS]
                lines.append(b"connection:" + b",".join(words))
            elif name not in _UPGRADE_FIELDS:
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called for trailers too. They are not headers of the request and are dropped (RFC 9110, 6.5.1)."""
        self._head_bytes += len(name) + len(value) + FIELD_BYTES
        if self._head_bytes > HEAD_MAX_BYTES or len(self.headers) >= HEAD_MAX_FIELDS:
            raise InvalidHead
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._overhead_bytes = 0
        self._check_head()
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def _check_head(self) -> None:
        """Refuse two Host fields, or none in HTTP/1.1 (RFC 9112, 3.2); and CONNECT, since this is no proxy.

        Also a length with thousands of leading zeros: the parser takes it, `int()` does not.
        """
        hosts = 0
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"content-length" and len(value) > LENGTH_MAX_DIGITS:
                raise InvalidHead
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise InvalidHead
        if self.parser.get_method() == b"CONNECT":
            raise InvalidHead

    def on_body(self, body: bytes) -> None:
        self._overhead_bytes = max(0, self._overhead_bytes - 2 * len(body) - PIECE_BYTES)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._overhead_bytes = 0
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: App) -> None:
        if cycle.scope["http_version"] == "1.0":
            app = partial(_respond_without_chunks, app, cycle)
        super()._start_asgi_task(cycle, app)


async def _respond_without_chunks(
    app: App, cycle: RequestResponseCycle, scope: object, receive: object, send: Send
) -> None:
    """Without Content-Length the body ends with the connection, which uvicorn closes after every HTTP/1.0 response."""
    is_unsized = False

    async def send_unsized(message: Message) -> None:
        nonlocal is_unsized
        if message["type"] == "http.response.start":
            is_unsized = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            if is_unsized:
                # uvicorn then expects a known length; it is set for each piece below.
                cycle.chunked_encoding = False
        elif is_unsized:
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    await app(scope, receive, send_unsized)
