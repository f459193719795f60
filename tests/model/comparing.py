"""Compares what a user sees with what the model expects."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis.vendor.pretty import RepresentationPrinter

from tests.fakes.replies import Json
from tests.journeys.clients.aichat import assistant, user
from tests.model.expectations import BROKE_OFF, BUSY, DUPLICATION, FAILED, INTERRUPTED, REFUSED, STOPPED, Turn
from tests.model.reader import FORMS, Reader, Seen

if TYPE_CHECKING:
    from tests.model.scenario import Known

HTTP_STATUS = {REFUSED: 400, BROKE_OFF: 500, INTERRUPTED: 500, STOPPED: 409, BUSY: 409, DUPLICATION: 409}
HTTP_STATUS["not_found"] = 404
Read = TypeVar("Read")
WORD = re.compile(r"<(\w+)\.(\d+)\.(\d+)>")


@dataclass(eq=False)
class Reading:
    """A reader of a turn. `is_by_event`: it gets every event separately, not joined as the row stores them.

    `is_torn`: worker and log were lost while it read, so it may be asked to read again. `is_repeat`: None if unknown.
    """

    reader: Reader
    turn: Turn
    form: str
    after: int = 0
    is_repeat: bool | None = False
    is_by_event: bool = True
    is_torn: bool = False

    def __repr__(self) -> str:
        return f"{self.form} reader of {self.turn!r} after {self.after}"

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        printer.text(repr(self))


def agrees(read: Callable[[], Read], meaning: Callable[[Read], Any], expected: Any, *, within: float) -> Read:
    """What `read` returns, once its meaning is as expected. If it never is, the assert shows the difference."""
    deadline = time.monotonic() + within
    while (meant := meaning(seen := read())) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert meant == expected
    return seen


def shown(turn: Turn) -> str:
    """What `/api/v1/runs` must show of a turn."""
    return _summary(turn.status, turn.attempt, turn.ask.thread, turn.error if turn.status == FAILED else None)


def facts(run: Json) -> str:
    return _summary(run["status"], run["attempt"], run["conversation"], run["error"] and run["error"]["code"])


def _summary(status: str, attempt: int, thread: str | None, error: str | None) -> str:
    return f"{status} attempt={attempt} thread={thread} error={error}"


def messages(asked: list[Json], expected: list[str]) -> None:
    assert asked == [(assistant if place % 2 else user)(text) for place, text in enumerate(expected)]


def refusal(reader: Reader, *, code: str, busy_with: str = "") -> None:
    reader.join(30.0)
    error = json.loads(reader.body)["error"]
    assert (reader.status, error["code"]) == (HTTP_STATUS[code], code)
    if code == BUSY:
        assert error["run_id"] == busy_with


def reading(reading: Reading, *, known: "Known") -> None:
    """Check a complete response to a turn that has ended."""
    reader, turn = reading.reader, reading.turn
    assert not reader.is_broken
    assert reader.headers["x-run-id"] == known.run_id
    if reading.is_repeat is not None:
        assert reader.headers.get("idempotent-replayed") == ("true" if reading.is_repeat else None)
    seen = reader.seen()
    _is_of_one_call(seen.text)
    if reading.is_torn:
        return
    has_begun = reader.status == 200
    assert seen.error == turn.error, (reading, reader.body)
    assert has_begun or reader.status == HTTP_STATUS[turn.error]
    assert reader.headers["content-type"].partition(";")[0] == FORMS[reading.form if has_begun else "json"]
    if has_begun:
        _is_the_answer(reading, seen, known)


def _is_the_answer(reading: Reading, seen: Seen, known: "Known") -> None:
    before = 0 if reading.form == "json" else known.lengths[min(reading.after, len(known.lengths) - 1)]
    assert seen.text == reading.turn.text[before:], (reading, reading.reader.body)
    known.thread = known.thread or reading.turn.ask.thread or seen.thread
    assert seen.thread == known.thread or not seen.thread
    if reading.form == "json":
        known.json_body = known.json_body or reading.reader.body
        assert reading.reader.body == known.json_body
    if reading.form == "sse":
        _has_right_positions(reading, seen, known, before)


def _has_right_positions(reading: Reading, seen: Seen, known: "Known", before: int) -> None:
    """Each position has the same text for everybody; and none is left out while the log exists."""
    end = len(known.lengths)
    received = {position: before + length for position, length in seen.lengths.items() if position < end}
    assert received == {position: known.lengths[position] for position in received}, (reading, reading.reader.body)
    known.end = known.end or max(seen.lengths)
    assert max(seen.lengths) == known.end >= end
    if reading.is_by_event:
        assert list(received) == list(range(reading.after + 1, end)), (reading, reading.reader.body)


def _is_of_one_call(text: str) -> None:
    """Answers are never mixed: the words are of one call, in order, each once."""
    words = [(question, int(call), int(number)) for question, call, number in WORD.findall(text)]
    assert "".join(f"<{question}.{call}.{number}>" for question, call, number in words) == text
    if words:
        question, call, first = words[0]
        assert words == [(question, call, number) for number in range(first, first + len(words))]
