"""What the tests of documents share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from conversations.extraction.client import Extraction
from conversations.extraction.process.limits import Limits
from conversations.extraction.remote import Remote
from tests.fakes.upstream import PATIENCE_SECONDS
from tests.waiting import eventually

DEFAULT = Limits()
NO_FILES = "Max open files            0  "


class Make(Protocol):
    def __call__(self, limits: Limits = ..., *, idle_seconds: float = ..., wait_seconds: float = ...) -> Extraction: ...


@pytest.fixture
def make() -> Iterator[Make]:
    """With a server of its own, which a test may kill."""
    made: list[Extraction] = []

    def make(
        limits: Limits = DEFAULT, *, idle_seconds: float = 600.0, wait_seconds: float = PATIENCE_SECONDS
    ) -> Extraction:
        made.append(Extraction(Remote(limits, idle_seconds=idle_seconds), wait_seconds=wait_seconds))
        return made[-1]

    yield make
    for extraction in made:
        extraction.remote.close()


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def the_child_of(extraction: Extraction) -> int:
    """That reads a document at the moment, as soon as it is limited."""
    pid = eventually(lambda: children_of(extraction.remote.pid), bool)[0]
    eventually(Path(f"/proc/{pid}/limits").read_text, lambda limits: NO_FILES in limits)
    return pid
