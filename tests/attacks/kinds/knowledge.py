"""Attacks on knowledge bases: searches, files and texts, as fast as they are taken. The model echo makes vectors."""

from collections.abc import Iterable

import httpx

from tests.attacks.concurrent_requests import send_all
from tests.attacks.target import Attack, Target

WORDS = "Refunds are paid within fourteen days of the day on which the goods came back to us. "
PASSAGES_CHARS = 200_000
FILE_BYTES = 20_000_000


def searches(target: Target) -> Iterable[object]:
    """2,000 searches by words and vectors, 16 at a time."""
    with target.client(key=target.manager_key) as client:
        path = _base(client)
        client.post(f"{path}/documents", json={"name": "long", "text": WORDS * (PASSAGES_CHARS // len(WORDS))})
        body = {"query": WORDS * 40, "limit": 50, "per_document": 50}
        return send_all(lambda _: client.post(f"{path}/search", json=body), count=2_000, threads=16)


def uploads(target: Target) -> Iterable[object]:
    """Forty files of 20 MB, eight at a time."""
    with target.client(key=target.manager_key, seconds=60.0) as client:
        path = _base(client)
        data = (WORDS.encode() * (FILE_BYTES // len(WORDS)))[:FILE_BYTES]

        def upload(number: int) -> httpx.Response:
            files = {"file": (f"{number}.txt", b"%d" % number + data[8:])}
            return client.post(f"{path}/documents", files=files)

        return send_all(upload, count=40, threads=8)


def texts(target: Target) -> Iterable[object]:
    """2,000 small documents, 16 at a time."""
    with target.client(key=target.manager_key) as client:
        path = _base(client)

        def add(number: int) -> httpx.Response:
            return client.post(f"{path}/documents", json={"name": f"{number}", "text": WORDS * 20 + str(number)})

        return send_all(add, count=2_000, threads=16)


def _base(client: httpx.Client) -> str:
    made = client.post("/api/v1/knowledge", json={"name": "attack", "embedding": "echo"})
    return f"/api/v1/knowledge/{made.json()['id']}"


ATTACKS: dict[str, Attack] = {
    "knowledge-searches": searches,
    "knowledge-uploads": uploads,
    "knowledge-texts": texts,
}
