"""Attacks on shared resources: workers, webhook senders, memory for answers."""

import time
from collections.abc import Iterable

import httpx

from tests.attacks.concurrent_requests import send_all
from tests.attacks.target import Attack, Target

TURN, CHAT = "/aichat/conversations", "/v1/chat/completions"
HOLD_SECONDS = 15.0
CREATED = 201
DRY = {"X-Dry-Run": "true"}
# Messages of a turn: three of them make a conversation of which no receipt lists all.
LONG = 9_000


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


def managed_keys(target: Target) -> Iterable[object]:
    """Keys made, rotated, revoked and listed, and the balance read: 4,000 requests, 32 at a time."""
    with target.client(key=target.manager_key) as client:

        def request(number: int) -> httpx.Response:
            match number % 4:
                case 0:
                    return client.get("/api/v1/keys?limit=100")
                case 1:
                    return client.get("/api/v1/balance")
            made = client.post("/api/v1/keys", json={"scopes": ["api"]})
            if made.status_code != CREATED:
                return made
            path = f"/api/v1/keys/{made.json()['id']}"
            return client.post(f"{path}/rotate", json={"previous_works_for": 0}) if number % 2 else client.delete(path)

        return send_all(request, count=4_000, threads=32)


def dry_runs(target: Target) -> Iterable[object]:
    """64 dry runs at once for half a minute, each of which waits for a page that never comes."""
    question = target.question("hi", references=[f"http://127.0.0.1:{target.sink_port}/a.txt"])
    ends_at = time.monotonic() + 2 * HOLD_SECONDS

    with target.client(seconds=70.0) as client:

        def ask(_: int) -> httpx.Response:
            response = client.post(TURN, json=question, headers=DRY)
            while time.monotonic() < ends_at:
                response = client.post(TURN, json=question, headers=DRY)
            return response

        return send_all(ask, count=64, threads=64)


def receipts(target: Target) -> Iterable[object]:
    """Receipts of a long conversation, and dry runs in it, at full speed: 800 requests, 32 at a time."""
    headers = {"X-Conversation-Id": "long"}
    with target.client(seconds=70.0) as client:
        messages = [{"role": "user", "content": "word " * 20} for _ in range(LONG)]
        for _ in range(3):
            client.post(CHAT, json={"model": "echo", "messages": messages}, headers=headers)
        again = {"model": "echo", "messages": messages[:1]}
        run_id = client.post(CHAT, json=again, headers=headers).headers["x-run-id"]

        def request(number: int) -> httpx.Response:
            if number % 4:
                return client.get(f"/api/v1/runs/{run_id}/context?limit=1000&text=true")
            return client.post(CHAT, json=again, headers=headers | DRY)

        return send_all(request, count=800, threads=32)


ATTACKS: dict[str, Attack] = {
    "slow-runs": slow_runs,
    "hanging-receivers": hanging_receivers,
    "endless-answers": endless_answers,
    "replays": replays,
    "managed-keys": managed_keys,
    "dry-runs": dry_runs,
    "receipts": receipts,
}
