"""Attacks by bare sockets: heads that never end, bodies that trickle, readers that never read."""

import select
import socket
import time
from collections.abc import Iterable
from contextlib import suppress

import orjson

from tests.attacks.target import Attack, Target

HOLD_SECONDS = 15.0
MEGABYTE = b"x" * 1_000_000
BODY_BYTES = 18_000_000


def huge_head(target: Target) -> Iterable[object]:
    """One header of 300 MB, without a key."""
    peer = target.connect()
    peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
    return [_sent(peer, MEGABYTE, times=300)]


def half_heads(count: int) -> Attack:
    def attack(target: Target) -> Iterable[object]:
        """Heads that never end, without a key. A connection that is closed is opened again."""
        peers: list[socket.socket] = []
        until = time.monotonic() + HOLD_SECONDS
        opened = 0
        while time.monotonic() < until:
            while len(peers) < count:
                with suppress(OSError):
                    peers.append(target.connect())
                    peers[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
                    opened += 1
                if time.monotonic() > until:
                    break
            peers = [peer for peer in peers if not _is_closed(peer)]
            time.sleep(0.1)
        return [f"{opened} opened"]

    return attack


def keyless_uploads(target: Target) -> Iterable[object]:
    """30 bodies of 18 MB without a key, each without its last byte."""
    return _uploads(target, key="", count=30)


def uploads(target: Target) -> Iterable[object]:
    """The same with a key."""
    return _uploads(target, key=target.key, count=30)


def _uploads(target: Target, *, key: str, count: int) -> Iterable[object]:
    peers = [target.connect() for _ in range(count)]
    for peer in peers:
        peer.sendall(target.head("/aichat/conversations", length=BODY_BYTES + 1, key=key))
    results = [_sent(peer, MEGABYTE, times=BODY_BYTES // len(MEGABYTE)) for peer in peers]
    time.sleep(HOLD_SECONDS)
    return results


def never_reading(target: Target) -> Iterable[object]:
    """40 connections that each ask for thirty streams of 100,000 characters and read nothing."""
    body = orjson.dumps({"model": "echo", "question": "/echo length=100000\nx"})
    peers = []
    for _ in range(40):
        peer = target.connect(receive_buffer=4096)
        head = target.head("/aichat/conversations", length=len(body))
        request = head.replace(b"\r\n\r\n", b"\r\nAccept: text/event-stream\r\n\r\n") + body
        with suppress(OSError):
            peer.setblocking(False)
            peer.send(request * 30)
        peers.append(peer)
    time.sleep(HOLD_SECONDS)
    return [f"{len(peers)} held"]


def _sent(peer: socket.socket, piece: bytes, *, times: int) -> str:
    """The status line of the answer, if any; otherwise how the connection ended."""
    try:
        for _ in range(times):
            if _has_news(peer):
                break
            peer.sendall(piece)
        peer.settimeout(1.0)
        return peer.recv(200).split(b"\r\n")[0].decode() or "closed"
    except TimeoutError:
        return "held"
    except OSError as exc:
        return type(exc).__name__


def _has_news(peer: socket.socket) -> bool:
    # Not `select`, which is limited to 1,024 descriptors.
    poll = select.poll()
    poll.register(peer, select.POLLIN)
    return bool(poll.poll(0))


def _is_closed(peer: socket.socket) -> bool:
    if not _has_news(peer):
        return False
    with suppress(OSError):
        peer.recv(65_536)
    peer.close()
    return True


ATTACKS: dict[str, Attack] = {
    "huge-head": huge_head,
    "half-heads-1200": half_heads(1_200),
    "half-heads-5000": half_heads(5_000),
    "keyless-uploads": keyless_uploads,
    "uploads": uploads,
    "never-reading": never_reading,
}
