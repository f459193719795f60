"""The target of an attack: the service's address, the keys of attacker and victim, and a receiver."""

import socket
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

import httpx
import orjson

HOST = "127.0.0.1"
# Answered by the vendor of `tests/attacks/vendor.py`.
VENDOR_MODEL = "gpt-4o-mini"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Passed to the processes of victim and attacker as one line of JSON."""

    port: int
    key: str
    # Of another account than `key`; it manages that account's keys.
    manager_key: str
    victim_key: str
    sink_port: int
    service_pid: int

    def line(self) -> bytes:
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        return cls(**orjson.loads(line))

    def client(self, *, seconds: float = 60.0, key: str | None = None) -> httpx.Client:
        """An HTTP client with the attacker's key, or another; "" for none. Each request opens a new connection."""
        key = self.key if key is None else key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        return httpx.Client(base_url=f"http://{HOST}:{self.port}", headers=headers, timeout=seconds, limits=limits)

    def connect(self, *, receive_buffer: int | None = None) -> socket.socket:
        """A bare connection. A small receive buffer makes it a slow reader."""
        peer = socket.socket()
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.settimeout(30.0)
        peer.connect((HOST, self.port))
        return peer

    def head(self, path: str, *, length: int | None = None, key: str | None = None, method: str = "POST") -> bytes:
        """The head of a request, as bytes."""
        key = self.key if key is None else key
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}:{self.port}", "Content-Type: application/json"]
        lines += [f"Authorization: Bearer {key}"] if key else []
        lines += [f"Content-Length: {length}"] if length is not None else []
        return "\r\n".join([*lines, "", ""]).encode()

    def question(self, text: str, **fields: Any) -> dict[str, Any]:
        """A body of `/aichat/conversations` for the vendor."""
        return {"model": VENDOR_MODEL, "question": text, "stateful": True, **fields}


# Attacks the target and returns the results.
Attack = Callable[[Target], Iterable[object]]
