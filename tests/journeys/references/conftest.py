"""A server of documents, and what a prompt shows of them."""

from collections.abc import Iterator

import pytest

from tests.fakes.receiver import Behaviour, Receiver, answers
from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream


def document(body: bytes, media_type: str = "text/plain") -> Behaviour:
    return answers(200, body, {"Content-Type": media_type})


def shown(message: Json, *pieces: str) -> list[Json]:
    """The parts of a question after the sources, in which these pieces stand in this order."""
    block, *rest = message["content"]
    at = 0
    for piece in pieces:
        at = block["text"].index(piece, at) + len(piece)
    return list(rest)


def text(said: str) -> Json:
    return {"type": "text", "text": said}


def stood(what: str) -> Json:
    """What stands in a file's place."""
    return text(f"\n[{what}.]\n")


def last(upstream: FakeUpstream) -> Json:
    """The last message that the vendor was sent."""
    message: Json = upstream.requests[-1].messages[-1]
    return message


@pytest.fixture
def server() -> Iterator[Receiver]:
    with Receiver() as running:
        running.default = document(b"Alder wood floats.")
        yield running
