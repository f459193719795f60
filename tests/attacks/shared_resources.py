"""Attacks on shared resources: workers, webhook senders, memory for answers."""

import time
from collections.abc import Iterable

from tests.attacks.concurrent_requests import send_all
from tests.attacks.target import Attack, Target

TURN = "/aichat/conversations"
HOLD_SECONDS = 15.0


def slow_runs(target: Target) -> Iterable[object]:
    """400 questions that the vendor never answers."""
    with target.client() as client:
        question = target.question("hang", **{"async": True})
        results = send_all(lambda _: client.post(TURN, json=question), count=400, threads=8)
        time.sleep(HOLD_SECONDS)
        return results


def hanging_receivers(target: Target) -> Iterable[object]:
    """600 callbacks, each to a different address that accepts the request and never answers."""

    def question(number: int) -> dict[str, object]:
        url = f"http://127.1.{number // 250}.{number % 250 + 1}:{target.sink_port}/"
        return {"model": "echo", "question": "hi", "callback_url": url}

    with target.client() as client:
        results = send_all(lambda number: client.post(TURN, json=question(number)), count=600, threads=8)
        time.sleep(HOLD_SECONDS)
        return results


def endless_answers(target: Target) -> Iterable[object]:
    """Two answers that never end, sent as fast as they are read."""
    with target.client(seconds=45.0) as client:
        return send_all(lambda _: client.post(TURN, json=target.question("endless")), count=2, threads=2)


def replays(target: Target) -> Iterable[object]:
    """One delivery, replayed 200 times."""
    with target.client() as client:
        url = f"http://127.0.0.1:{target.sink_port}/"
        client.post(TURN, json={"model": "echo", "question": "hi", "callback_url": url})
        found: list[dict[str, str]] = []
        while not found:
            found = client.get("/api/v1/deliveries").json()["results"]
        path = f"/api/v1/deliveries/{found[0]['id']}/replay"
        return send_all(lambda _: client.post(path), count=200, threads=8)


ATTACKS: dict[str, Attack] = {
    "slow-runs": slow_runs,
    "hanging-receivers": hanging_receivers,
    "endless-answers": endless_answers,
    "replays": replays,
}
