"""What is promised of a turn whose service was broken, and holding an outcome to it."""

from dataclasses import dataclass

from tests.faults.harness.callers import payload
from tests.faults.harness.outcomes import NEXT, REST_AFTER, Outcome
from tests.faults.harness.points import BEFORE, FIRST, SECOND
from tests.journeys.clients.aichat import refusal
from tests.journeys.clients.streams import ID

INTERRUPTED = "The answer was interrupted; ask again."
THREAD = [("user", BEFORE[0]), ("assistant", BEFORE[1])]


@dataclass(frozen=True)
class Promise:
    """`attempts` are their outcomes in order; `calls` how often the upstream was asked; `text` all that is kept."""

    status: str
    attempts: tuple[str, ...]
    calls: int
    text: str


UNTOUCHED = Promise("completed", ("completed",), 1, FIRST)
CLAIMED_AGAIN = Promise("completed", ("lost", "completed"), 1, FIRST)
BEGUN_ANEW = Promise("completed", ("lost", "completed"), 2, SECOND)


def kept(text: str) -> Promise:
    """The text that was shown stays with the run, which fails."""
    return Promise("failed", ("lost",), 1, text)


def assert_all(outcome: Outcome, promise: Promise) -> None:
    assert_ended(outcome, promise)
    assert_attempts(outcome, promise)
    assert_asker_was_told(outcome, promise)
    assert_readers_are_told(outcome, promise)
    assert_messages(outcome, promise)
    assert_goes_on(outcome)


def assert_ended(outcome: Outcome, promise: Promise) -> None:
    assert (outcome.run["status"], outcome.calls) == (promise.status, promise.calls)


def assert_attempts(outcome: Outcome, promise: Promise) -> None:
    assert [attempt["number"] for attempt in outcome.attempts] == list(range(1, len(promise.attempts) + 1))
    assert tuple(attempt["outcome"] for attempt in outcome.attempts) == promise.attempts
    assert outcome.run["attempt"] == len(promise.attempts)
    # The last one's loss is not counted when it is the end.
    assert outcome.run["attempts_lost"] == promise.attempts[:-1].count("lost")


def assert_asker_was_told(outcome: Outcome, promise: Promise) -> None:
    caller = outcome.turn.caller
    assert caller.broke is None
    assert caller.response is not None
    if outcome.turn.way.is_stream:
        assert caller.response.status_code == 200
        assert_told(caller.events, promise)
    elif promise.status == "completed":
        assert caller.response.json()["answer"] == promise.text
    else:
        assert refusal(caller.response) == (500, "api_error", INTERRUPTED)


def assert_readers_are_told(outcome: Outcome, promise: Promise) -> None:
    """Those who were there, those who come later, and those who come back; from a log without a gap."""
    assert outcome.log == list(range(1, len(outcome.log) + 1))
    for reader in (outcome.turn.late, outcome.whole):
        if reader:
            assert_told(reader.events, promise)
    if outcome.whole and outcome.rest:
        shown = len(deltas(outcome.whole.events))
        assert outcome.rest.events == outcome.whole.events[min(REST_AFTER, shown) :]


def assert_messages(outcome: Outcome, promise: Promise) -> None:
    """Each once; those of a failed turn beside the thread."""
    question, answer = ("user", outcome.turn.question), ("assistant", promise.text)
    turn = [question, answer] if promise.status == "completed" else []
    is_stored = outcome.turn.way.is_stored
    assert outcome.said == ((turn or [question]) if is_stored else [])
    assert outcome.path == ([*THREAD, *turn] if is_stored else [])


def assert_goes_on(outcome: Outcome) -> None:
    told = [(message["role"], message["content"]) for message in outcome.told_next]
    assert told == ([*outcome.path, ("user", NEXT[0])] if outcome.turn.way.is_stored else [])


def assert_told(events: list[str], promise: Promise) -> None:
    """The text, from position 1 in rising ones, then the one end it has."""
    pieces, end = deltas(events), events[len(deltas(events)) :]
    places = [place for place, _ in pieces]
    assert places == sorted(set(places))
    assert "".join(text for _, text in pieces) == promise.text
    if promise.status == "completed":
        assert [payload(event) for event in end] == [None]
        return
    error = payload(end[0])
    assert error
    assert error["error"] == {"code": "api_error", "message": INTERRUPTED}
    assert end[1:] == ["data: [DONE]"]


def deltas(events: list[str]) -> list[tuple[int, str]]:
    """Position and text of the events that have text."""
    found = [(ID.match(event), payload(event)) for event in events]
    return [(int(place[1]), said["delta_answer"]) for place, said in found if place and said and said["delta_answer"]]
