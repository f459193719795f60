"""By using up what all share: workers, senders of webhooks, memory of answers."""

import time
from collections.abc import Iterable

from tests.attacks.at_once import asked
from tests.attacks.ground import Attack, Ground

TURN = "/aichat/conversations"
HOLD_SECONDS = 15.0


def slow_runs(ground: Ground) -> Iterable[object]:
    """400 questions that the vendor never answers."""
    with ground.client() as client:
        said = asked(lambda _: client.post(TURN, json=ground.question("hang", **{"async": True})), count=400, threads=8)
        time.sleep(HOLD_SECONDS)
        return said


def hanging_receivers(ground: Ground) -> Iterable[object]:
    """600 callbacks, each to an address of its own that takes the request and never answers."""

    def question(number: int) -> dict[str, object]:
        url = f"http://127.1.{number // 250}.{number % 250 + 1}:{ground.sink_port}/"
        return {"model": "echo", "question": "hi", "callback_url": url}

    with ground.client() as client:
        said = asked(lambda number: client.post(TURN, json=question(number)), count=600, threads=8)
        time.sleep(HOLD_SECONDS)
        return said


def endless_answers(ground: Ground) -> Iterable[object]:
    """Two answers that never end, as fast as they are read."""
    with ground.client(seconds=45.0) as client:
        return asked(lambda _: client.post(TURN, json=ground.question("endless")), count=2, threads=2)


def replays(ground: Ground) -> Iterable[object]:
    """One delivery, sent again 200 times."""
    with ground.client() as client:
        url = f"http://127.0.0.1:{ground.sink_port}/"
        client.post(TURN, json={"model": "echo", "question": "hi", "callback_url": url})
        found: list[dict[str, str]] = []
        while not found:
            found = client.get("/api/v1/deliveries").json()["results"]
        path = f"/api/v1/deliveries/{found[0]['id']}/replay"
        return asked(lambda _: client.post(path), count=200, threads=8)


ATTACKS: dict[str, Attack] = {
    "slow-runs": slow_runs,
    "hanging-receivers": hanging_receivers,
    "endless-answers": endless_answers,
    "replays": replays,
}
