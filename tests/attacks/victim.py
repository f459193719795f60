"""A customer in a process of its own, who asks one small question after another and notes how long each took.

Run as `python -m tests.attacks.victim turns` or `… callbacks`, where it takes until the callback has come. Reads the
ground, asks until its standard input ends, prints what it found.
"""

import os
import select
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import orjson

from tests.attacks.ground import Ground
from tests.fakes.receiver import Receiver

# A little apart, so that the victim is no load itself.
PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 120.0
QUESTION = {"model": "echo", "question": "hi", "stateful": True}


def ask(client: httpx.Client) -> tuple[str, float]:
    """The status, or what went wrong, and the seconds it took."""
    began = time.monotonic()
    try:
        status = str(client.post("/aichat/conversations", json=QUESTION).status_code)
    except httpx.TransportError as exc:
        status = type(exc).__name__
    return status, time.monotonic() - began


def callback(client: httpx.Client) -> tuple[str, float]:
    """Until the answer has come to a receiver that nothing was ever sent to, or `late`."""
    began = time.monotonic()
    with Receiver() as receiver:
        client.post("/aichat/conversations", json=QUESTION | {"callback_url": receiver.url})
        while not receiver.requests and time.monotonic() < began + PATIENCE_SECONDS:
            time.sleep(0.01)
        return "told" if receiver.requests else "late", time.monotonic() - began


def asked(once: Callable[[], tuple[str, float]]) -> list[tuple[str, float]]:
    """One after another, until standard input ends."""
    found = []
    while not select.select([0], [], [], PAUSE_SECONDS)[0]:
        with suppress(httpx.TransportError):
            found.append(once())
    return found


def main() -> None:
    # Not by `sys.stdin`, whose buffer `select` does not see.
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 4096)
    ground = Ground.read(line)
    once = {"turns": ask, "callbacks": callback}[sys.argv[1]]
    with ground.client(seconds=PATIENCE_SECONDS, key=ground.victim_key) as client:
        found = asked(lambda: once(client))
    outcome: dict[str, Any] = {
        "statuses": Counter(status for status, _ in found),
        "seconds": [seconds for _, seconds in found],
    }
    sys.stdout.buffer.write(orjson.dumps(outcome))


if __name__ == "__main__":
    main()
