"""One HTTP exchange in a thread of its own, which can be ended at any moment, and what it received."""

import contextlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

FORMS = {"json": "application/json", "sse": "text/event-stream", "ndjson": "application/x-ndjson"}
SSE_EVENT = re.compile(r"(?:id: (\d+)\n)?data: (.*)", re.DOTALL)
TIMEOUT_SECONDS = 60.0


@dataclass
class Seen:
    """What a reader received. `text`: without what it had before. `lengths`: of the text at each position."""

    text: str = ""
    error: str = ""
    thread: str = ""
    lengths: dict[int, int] = field(default_factory=dict)


class Reader:
    def __init__(
        self, *, port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_broken = False
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._http.connect()
        self._socket = self._http.sock
        self._thread = threading.Thread(target=self._read, args=(method, path, body, dict(headers)), daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)
        assert self.has_ended, f"Still reading; so far {self.status} {self.body!r}"

    def leave(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _read(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        try:
            self._http.request(method, path, body, headers)
            with self._http.getresponse() as response:
                self.status = response.status
                self.headers = {name.lower(): value for name, value in response.getheaders()}
                while piece := response.read1():
                    self.body += piece
        except (OSError, http.client.HTTPException):
            self.is_broken = True
        finally:
            self._http.close()

    def seen(self) -> Seen:
        """The content of a complete response, in any form."""
        kind = self.headers["content-type"].partition(";")[0]
        if kind == FORMS["sse"]:
            return _seen_in_events(self.body.decode())
        lines = self.body.decode().removesuffix("\r\n").split("\r\n") if kind == FORMS["ndjson"] else [self.body]
        return _seen_in_lines([json.loads(line) for line in lines])


def _seen_in_events(body: str) -> Seen:
    assert body.endswith("data: [DONE]\n\n"), body
    seen = Seen()
    for event in body.removesuffix("\n\n").split("\n\n"):
        if event == ": PING":
            continue
        found = SSE_EVENT.fullmatch(event)
        assert found, body
        if found[2] != "[DONE]":
            data = json.loads(found[2])
            seen.text += data["delta_answer"]
            seen.error, seen.thread = data.get("error", {}).get("code", ""), data["id"]
        if found[1]:
            assert int(found[1]) > max(seen.lengths, default=0), body
            seen.lengths[int(found[1])] = len(seen.text)
    return seen


def _seen_in_lines(lines: list[dict[str, object]]) -> Seen:
    seen = Seen()
    for line in lines:
        seen.text += str(line.get("delta_answer", line.get("answer", "")))
        assert str(line.get("answer", "")).endswith(seen.text), lines
        error = line.get("error")
        seen.error = str(error["code"]) if isinstance(error, dict) else ""
        seen.thread = str(line.get("id", ""))
    return seen
