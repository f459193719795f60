"""How well and how cheaply documents are found: every paragraph of a SQuAD-format file is one, every question asked."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import requests

from tests.bench.figures import RetrievalFigures, Spread
from tests.bench.load.pace import Pace
from tests.bench.service import accounting
from tests.bench.service.environment import API_KEY, Environment
from tests.bench.service.programs import BenchFailed

FOUND_AMONG = 5
# Vectors of a passage take up to a second and a half.
READY_SECONDS, VECTORS_SECONDS_A_DOCUMENT = 120.0, 3.0
POLL_SECONDS = 0.5
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Questions:
    """`asked`: a question, and the place of its paragraph."""

    paragraphs: Sequence[str]
    asked: Sequence[tuple[str, int]]


def read(path: Path) -> Questions:
    found = orjson.loads(path.read_bytes())["data"]
    every = [paragraph for article in found for paragraph in article["paragraphs"]]
    return Questions(
        [paragraph["context"] for paragraph in every],
        [(about["question"], place) for place, paragraph in enumerate(every) for about in paragraph["qas"]],
    )


def run(environment: Environment, pace: Pace, name: str) -> RetrievalFigures:
    """Raises BenchFailed without a file, and when anything is refused."""
    if pace.squad is None:
        raise BenchFailed("retrieval needs --squad FILE")
    questions = read(pace.squad)
    base = _Base(environment, name=f"{name} {time.time()}", embedding=pace.embedding)
    began = time.monotonic()
    documents = [base.add(str(place), text) for place, text in enumerate(questions.paragraphs)]
    base.wait_until_ready(len(documents))
    indexed = time.monotonic() - began
    if pace.embedding:
        base.wait_for_vectors(questions.asked[0][0], seconds=VECTORS_SECONDS_A_DOCUMENT * len(documents))
    with_vectors = time.monotonic() - began
    environment.wait_until_calm()
    before = environment.sample()
    places, took, notes = base.ask(questions.asked, documents)
    cost = environment.cost_since(before)
    number = len(questions.asked)
    return RetrievalFigures(
        name=name,
        file=pace.squad.name,
        embedding=pace.embedding,
        documents=len(documents),
        questions=number,
        recall_at_1=sum(place == 0 for place in places) / number,
        recall_at_5=sum(place is not None for place in places) / number,
        noted=notes,
        indexing_seconds=indexed,
        vector_seconds=with_vectors if pace.embedding else None,
        total_ms=Spread.of(took),
        cpu_ms={role: seconds / number * 1000 for role, seconds in cost.service.items()},
        memory_mb=accounting.memory_mb(environment.service),
    )


class _Base:
    def __init__(self, environment: Environment, *, name: str, embedding: str) -> None:
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {API_KEY}"
        self._url = f"{environment.service.base_url}/api/v1/knowledge"
        self._url += "/" + self._post("", {"name": name, "embedding": embedding})["id"]

    def add(self, name: str, text: str) -> str:
        return str(self._post("/documents", {"name": name, "text": text})["id"])

    def wait_until_ready(self, number: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            status = self._http.get(self._url, timeout=TIMEOUT_SECONDS).json()["documents"]
            if status["ready"] == number:
                return
            if status["failed"] or time.monotonic() > deadline:
                raise BenchFailed(f"documents are not indexed: {status}")
            time.sleep(POLL_SECONDS)

    def wait_for_vectors(self, question: str, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while note := self._search(question)["notes"].get("vectors", ""):
            if time.monotonic() > deadline:
                raise BenchFailed(f"vectors are not made: {note}")
            time.sleep(POLL_SECONDS)

    def ask(
        self, asked: Sequence[tuple[str, int]], documents: Sequence[str]
    ) -> tuple[list[int | None], list[float], int]:
        """Where each question's own document was among the first, how many ms it took, and how many had notes."""
        places: list[int | None] = []
        took: list[float] = []
        noted = 0
        for question, place in asked:
            began = time.perf_counter()
            answer = self._search(question)
            took.append((time.perf_counter() - began) * 1000)
            found = [hit["document_id"] for hit in answer["results"]]
            places.append(found.index(documents[place]) if documents[place] in found else None)
            noted += bool(answer["notes"])
        return places, took, noted

    def _search(self, question: str) -> Any:
        return self._post("/search", {"query": question, "limit": FOUND_AMONG})

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(self._url + path, json=body, timeout=TIMEOUT_SECONDS)
        if not answer.ok:
            raise BenchFailed(f"{path or 'knowledge'}: {answer.status_code} {answer.text[:300]}")
        return answer.json()
