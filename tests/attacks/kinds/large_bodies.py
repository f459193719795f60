"""Attacks by the content of requests: resent histories, large bodies, long lists, a question echoed many times."""

import time
from collections.abc import Iterable
from typing import Any

import orjson

from tests.attacks.concurrent_requests import send_all
from tests.attacks.target import Attack, Target

CHAT = "/v1/chat/completions"


def resent_histories(messages: int) -> Attack:
    def attack(target: Target) -> Iterable[object]:
        """Eight conversations of so many messages; each is resent twice, every time without its first messages."""
        history = [{"role": ("user", "assistant")[number % 2], "content": "a"} for number in range(messages)]
        question = {"role": "user", "content": "a"}
        with target.client() as client:

            def request(number: int) -> Any:
                thread = {"X-Conversation-Id": f"again-{messages}-{number % 8}"}
                sent = [*history[number // 8 * 2 :], question]
                return client.post(CHAT, json={"model": "echo", "messages": sent}, headers=thread)

            return send_all(request, count=24, threads=8)

    return attack


def large_bodies(target: Target) -> Iterable[object]:
    """Six bodies of 18 MB at once, each of some 9,000 messages of 2 KB."""
    messages = [{"role": "user", "content": "x y " * 500}] * 8_900
    body = orjson.dumps({"model": "echo", "messages": messages})
    return _posted(target, CHAT, body, count=6)


def many_values(target: Target) -> Iterable[object]:
    """Six bodies of 18 MB at once, each of six million empty lists."""
    body = b'{"model":"echo","messages":[' + b"[]," * 6_000_000 + b"[]]}"
    return _posted(target, CHAT, body, count=6)


def long_ids(target: Target) -> Iterable[object]:
    """Two lists of 6 million wrong ids each."""
    body = b'{"action":"retrieve_batch","ids":[' + b"1, " * 6_000_000 + b"1]}"
    return _posted(target, "/aichat/tasks", body, count=2)


def echoes(target: Target) -> Iterable[object]:
    """A question of 1.9 MB that is echoed 128 times."""
    body = orjson.dumps({"model": "echo", "n": 128, "messages": [{"role": "user", "content": "x" * 1_900_000}]})
    return _posted(target, CHAT, body, count=2)


def _posted(target: Target, path: str, body: bytes, *, count: int) -> Iterable[object]:
    headers = {"Content-Type": "application/json"}
    with target.client(seconds=150.0) as client:
        began = time.monotonic()
        statuses = send_all(lambda _: client.post(path, content=body, headers=headers), count=count, threads=count)
        return [*statuses, f"{time.monotonic() - began:.0f} s in all"]


ATTACKS: dict[str, Attack] = {
    "resent-30000": resent_histories(30_000),
    "resent-9000": resent_histories(9_000),
    "large-bodies": large_bodies,
    "many-values": many_values,
    "long-ids": long_ids,
    "echoes": echoes,
}
