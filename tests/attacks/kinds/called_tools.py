"""Attacks by an account's tools: runs that wait for tools which never answer, and runs that wait for approvals."""

import time
import uuid
from collections.abc import Iterable
from typing import Any

import httpx

from tests.attacks.concurrent_requests import send_all
from tests.attacks.target import Attack, Target

TURN = "/aichat/conversations"
HOLD_SECONDS = 15.0
WAITING_RUNS = 200


def _tool(client: httpx.Client, target: Target, **fields: Any) -> str:
    """The id of a tool whose server never answers."""
    body = {"name": f"t{uuid.uuid4().hex[:8]}", "url": f"http://127.0.0.1:{target.sink_port}/", **fields}
    return str(client.post("/api/v1/tools", json=body).raise_for_status().json()["id"])


def hanging_tools(target: Target) -> Iterable[object]:
    """400 turns, each with eight calls of a tool that never answers."""
    with target.client() as client:
        tool = _tool(client, target, timeout_seconds=120)
        question = target.question("call", tools=[tool], **{"async": True})
        results = send_all(lambda _: client.post(TURN, json=question), count=400, threads=8)
        time.sleep(HOLD_SECONDS)
        return results


def approvals(target: Target) -> Iterable[object]:
    """200 runs that wait for approvals; each is decided about five times, 32 at a time. Half of them hang then."""
    with target.client() as client:
        tool = _tool(client, target, timeout_seconds=120, needs_approval=True)

        runs: list[str] = []

        def ask(_: int) -> httpx.Response:
            response = client.post(TURN, json=target.question("call", tools=[tool], id=f"thread-{uuid.uuid4().hex}"))
            runs.append(response.raise_for_status().json()["run_id"])
            return response

        send_all(ask, count=WAITING_RUNS, threads=8)

        def decide(number: int) -> httpx.Response:
            what = "refuse" if number % 2 else "approve"
            return client.post(f"/api/v1/runs/{runs[number % len(runs)]}/{what}", json={})

        results = send_all(decide, count=5 * WAITING_RUNS, threads=32)
        time.sleep(HOLD_SECONDS)
        return results


ATTACKS: dict[str, Attack] = {"hanging-tools": hanging_tools, "approvals": approvals}
