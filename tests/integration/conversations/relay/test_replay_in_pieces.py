"""A large stored answer, replayed in pieces: each ends where a position of its log does."""

import pytest

from conversations.models import Run
from conversations.queries import runs as run_queries
from conversations.relay import replay
from conversations.services.runs import finish
from conversations.values.runs import RunEnded, RunEvent
from providers.assembly import Assembler
from providers.events import ChoiceFinished, StreamEvent, TextDelta, ToolCallDelta
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db

LONG = "x" * 10_000
LOG: tuple[StreamEvent, ...] = (
    *(TextDelta(f"{place}{LONG}") for place in range(6)),
    TextDelta("other", 1),
    ToolCallDelta(0, "call_1", "look", f"{{{LONG}"),
    ToolCallDelta(0, arguments=f"{LONG}}}"),
    ChoiceFinished("stop"),
)
END = len(LOG) + 1


@pytest.fixture
def run() -> Run:
    run = builders.runs.start(AccountFactory.create(name="ann"))
    assembler = Assembler()
    for event in LOG:
        assembler.add(event)
    made = builders.runs.report("", log=LOG)
    report = finish.AttemptReport(
        worker_name=made.worker_name, answers=assembler.answers(), log_shape=made.log_shape, ended=made.ended
    )
    assert finish.finish(run=builders.runs.claim(run), report=report)
    ended = run_queries.ended_run(run.pk)
    assert ended is not None
    return ended


def said(events: list[RunEvent]) -> dict[int, str]:
    assembler = Assembler()
    for item in events:
        if not isinstance(item.event, RunEnded):
            assembler.add(item.event)
    return {
        answer.choice: "".join(getattr(part, "text", "") + getattr(part, "arguments", "") for part in answer.parts)
        for answer in assembler.answers()
    }


def test_no_piece_is_longer_than_an_entry_may_be(run: Run) -> None:
    lengths = [len(item.event.text) for item in run_queries.stored_events(run) if isinstance(item.event, TextDelta)]

    assert max(lengths) <= replay.PIECE_CHARACTERS
    assert sum(lengths) == 6 * len(LONG) + 6 + len("other")


@pytest.mark.parametrize("further", [0, 2])
@pytest.mark.parametrize("beyond", range(END + 1))
def test_a_reader_goes_on_at_any_position_and_misses_and_repeats_nothing(run: Run, beyond: int, further: int) -> None:
    """Whether it was told as far by pieces or by entries of the log; its asker may have had more before."""
    had = [RunEvent(place, event) for place, event in enumerate(LOG, start=1) if place <= beyond]

    rest = list(run_queries.stored_events(run, cut=beyond + further, beyond=beyond))

    assert all(item.position > beyond or isinstance(item.event, RunEnded) for item in rest)
    assert said([*had, *rest]) == said([RunEvent(place, event) for place, event in enumerate(LOG, start=1)])
    assert [item.position for item in rest] == sorted(item.position for item in rest)
    assert any(item.position == beyond + further for item in rest) or not beyond < beyond + further < END
    assert isinstance(rest[-1].event, RunEnded)
    assert rest[-1].position == END
