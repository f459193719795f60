"""Attacks by requests that need no key: wrong logins, wrong keys, the schema."""

import asyncio
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.attacks.concurrent_requests import send_all
from tests.attacks.target import HOST, Attack, Target

WRONG_KEYS_SECONDS = 20.0


def wrong_logins(target: Target) -> Iterable[object]:
    """150 wrong logins at once, all with the operator's name."""
    with target.client(key="") as client:
        page = client.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        form = {"csrfmiddlewaretoken": token[1] if token else "", "username": "admin", "password": "wrong"}
        referer = {"Referer": f"http://{HOST}:{target.port}/admin/login/"}
        return send_all(lambda _: client.post("/admin/login/", data=form, headers=referer), count=150, threads=150)


def wrong_keys(target: Target) -> Iterable[object]:
    """Different wrong keys for 20 s, one after another by each of 1,000 connections from one address."""
    return guess(target, lambda: f"sk-{secrets.token_urlsafe(32)}")


def guess(target: Target, invent: Callable[[], str]) -> Iterable[object]:
    """As `wrong_keys`, with what `invent` returns for each request."""
    until = time.monotonic() + WRONG_KEYS_SECONDS

    async def one() -> list[str]:
        came: list[str] = []
        reader, writer = await asyncio.open_connection(HOST, target.port)
        while time.monotonic() < until:
            writer.write(target.head("/api/v1/runs", key=invent(), method="GET"))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            came.append(head.decode()[9:12])
            await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
        writer.close()
        return came

    async def all_at_once() -> list[list[str] | BaseException]:
        return await asyncio.gather(*(one() for _ in range(1_000)), return_exceptions=True)

    for came in asyncio.run(all_at_once()):
        yield from [type(came).__name__] if isinstance(came, BaseException) else came


def wrong_keys_from_everywhere(target: Target) -> Iterable[object]:
    """10,000 different wrong keys from 2,500 addresses, 64 at a time, each with an address of its own in a header."""

    def request(number: int) -> str:
        own = f"127.2.{number % 50}.{number // 50 % 50 + 1}"
        head = target.head("/aichat/conversations", length=2, key=f"sk-far-{number:020d}")
        spoofed = f"X-Forwarded-For: 10.0.{number % 250}.1\r\n\r\n{{}}".encode()
        with socket.create_connection((HOST, target.port), timeout=60.0, source_address=(own, 0)) as peer:
            peer.sendall(head.removesuffix(b"\r\n") + spoofed)
            return peer.recv(16).decode()[9:12]

    with ThreadPoolExecutor(64) as pool:
        return list(pool.map(request, range(10_000)))


def schema(target: Target) -> Iterable[object]:
    """3,000 requests for the schema, 64 at a time."""
    with target.client(key="") as client:
        return send_all(lambda _: client.get("/api/schema"), count=3_000, threads=64)


ATTACKS: dict[str, Attack] = {
    "wrong-logins": wrong_logins,
    "wrong-keys": wrong_keys,
    "wrong-keys-from-everywhere": wrong_keys_from_everywhere,
    "schema": schema,
}
