"""A customer in a process of its own that asks one small question after another and measures how long each takes.

Run as `python -m tests.attacks.victim turns`, or `… callbacks`, where it measures until the callback arrives. It reads
the target, asks until its standard input ends, and prints the figures.
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

from tests.attacks.target import Target
from tests.fakes.receiver import Receiver

# Between two questions, so that the victim itself is no load.
PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 120.0
QUESTION = {"model": "echo", "question": "hi", "stateful": True}


def ask(client: httpx.Client) -> tuple[str, float]:
    """The status or the name of the error, and the seconds it took."""
    began = time.monotonic()
    try:
        status = str(client.post("/aichat/conversations", json=QUESTION).status_code)
    except httpx.TransportError as exc:
        status = type(exc).__name__
    return status, time.monotonic() - began


def callback(client: httpx.Client) -> tuple[str, float]:
    """Wait until the callback arrives at a new receiver."""
    began = time.monotonic()
    with Receiver() as receiver:
        client.post("/aichat/conversations", json=QUESTION | {"callback_url": receiver.url})
        while not receiver.requests and time.monotonic() < began + PATIENCE_SECONDS:
            time.sleep(0.01)
        return "received" if receiver.requests else "late", time.monotonic() - began


def ask_until_end(once: Callable[[], tuple[str, float]]) -> list[tuple[str, float]]:
    """Ask one question after another, until standard input ends."""
    found = []
    while not select.select([0], [], [], PAUSE_SECONDS)[0]:
        with suppress(httpx.TransportError):
            found.append(once())
    return found


def main() -> None:
    # Not by `sys.stdin`: `select` does not see its buffer.
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 4096)
    target = Target.read(line)
    once = {"turns": ask, "callbacks": callback}[sys.argv[1]]
    with target.client(seconds=PATIENCE_SECONDS, key=target.victim_key) as client:
        found = ask_until_end(lambda: once(client))
    outcome: dict[str, Any] = {
        "statuses": Counter(status for status, _ in found),
        "seconds": [seconds for _, seconds in found],
    }
    sys.stdout.buffer.write(orjson.dumps(outcome))


if __name__ == "__main__":
    main()
