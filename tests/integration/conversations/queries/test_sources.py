"""What an ended run says of its sources: places in its row, words from what keeps them, the same to every reader."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.dialects import registry
from conversations.knowledge.citing import sourcing
from conversations.models import Account, Run
from conversations.queries import runs as run_queries
from conversations.queries import sources as source_queries
from conversations.queries import tasks as task_queries
from conversations.queries.knowledge.kept_words import Span
from conversations.relay import codec
from conversations.services.erasures import tombstones
from conversations.services.runs import finish, readers
from conversations.values.context.sources import Sourced, SourceKind
from conversations.values.requests import NewTask
from conversations.values.runs import Format, RunEnded, RunEvent, RunStatus
from providers.assembly import Answer
from providers.messages import TextPart
from tests import builders
from tests.builders.texts import sources
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db

SAID = sources.sourced(notes={"search": "off"})


def ended(owner: Account, sourced: Sourced = SAID, *, status: RunStatus = RunStatus.COMPLETED, **more: Any) -> Run:
    run = builders.runs.start(owner, **more)
    report = builders.runs.report(sources.ANSWER, status=status, code="x" if status is RunStatus.FAILED else "")
    report = replace(report, ended=replace(report.ended, sourced=sourced))
    assert finish.finish(run=builders.runs.claim(run), report=report)
    return Run.objects.get(pk=run.pk)


class Kept:
    """The documents of an account, as the rooms that keep them give their words."""

    def __init__(self, owner: Account) -> None:
        self._owner = owner
        self.texts = {
            sources.MANUAL.id: f"{sources.RETURNS:1000}Terms.\n{sources.WARRANTY} More.",
            sources.PARIS.id: f"{'':10}{sources.TOWER}",
        }

    def __call__(self, account_id: int, spans: Collection[Span]) -> Mapping[Span, str]:
        assert account_id == self._owner.pk
        return {span: self.texts[span[0]][span[1] : span[2]] for span in spans if span[0] in self.texts}


@pytest.fixture
def kept(ann: Account, monkeypatch: pytest.MonkeyPatch) -> Kept:
    found = Kept(ann)
    for kind in (SourceKind.KNOWLEDGE, SourceKind.REFERENCE):
        monkeypatch.setitem(source_queries.READERS, kind, found)
    return found


def replayed(run: Run, answer_format: Format) -> bytes:
    """What a reader gets of the row."""
    stream = registry.get(run.dialect).streams[answer_format](run_queries.reply_context(run, request=run.request or {}))
    return b"".join(map(stream.feed, run_queries.stored_events(run)))


def live(run: Run, answer_format: Format, sourced: Sourced = SAID) -> bytes:
    """What a reader of the log got, in as many events."""
    stream = registry.get(run.dialect).streams[answer_format](run_queries.reply_context(run, request=run.request or {}))
    items = [item for item in run_queries.stored_events(run) if not isinstance(item.event, RunEnded)]
    end = orjson.loads(orjson.dumps(codec.dump_item(RunEnded(RunStatus.COMPLETED, sourced=sourced))))
    last = RunEvent(len((run.answer or {})["log"]) + 1, codec.load_item(end))
    return b"".join(map(stream.feed, [*items, last]))


def test_the_row_keeps_no_words_of_what_is_kept_elsewhere(ann: Account) -> None:
    run = ended(ann)

    written = orjson.dumps(run.answer).decode()
    assert sources.WARRANTY not in written
    assert sources.TOWER not in written
    assert "copper" in written
    assert run.answer is not None
    assert run.answer["notes"] == {"search": "off"}


@pytest.mark.parametrize("answer_format", [Format.NDJSON, Format.SSE])
def test_a_reader_of_the_row_gets_the_bytes_of_the_log(ann: Account, kept: Kept, answer_format: Format) -> None:
    run = ended(ann)

    assert replayed(run, answer_format) == live(run, answer_format)
    assert sources.WARRANTY.encode() in replayed(run, answer_format)


def test_what_was_deleted_leaves_its_place_and_what_was_changed_too(ann: Account, kept: Kept) -> None:
    del kept.texts[sources.PARIS.id]
    kept.texts[sources.MANUAL.id] = kept.texts[sources.MANUAL.id].replace("two years", "one month")

    found = source_queries.of(ended(ann))

    assert [source.excerpt.text for source in found.sources if source.excerpt] == [
        "",
        "",
        "Prices of copper fell by nine percent in May.",
    ]
    quotes = [citation.quote.excerpt for citation in found.citations if citation.quote]
    assert [(quote.text != "", quote.start, quote.page) for quote in quotes] == [
        (False, 1007, 2),
        (False, 10, None),
        (True, 0, None),
    ]


def test_without_a_room_that_keeps_them_there_are_places_alone(ann: Account) -> None:
    found = source_queries.of(ended(ann))

    assert [source.id for source in found.sources] == [source.id for source in sources.ALL]
    assert [bool(citation.quote and citation.quote.excerpt.text) for citation in found.citations] == [
        False,
        False,
        True,
        False,
    ]


def test_a_run_without_sources_asks_for_nothing(ann: Account) -> None:
    run = builders.runs.answered(ann)

    with CaptureQueriesContext(connection) as asked:
        assert not source_queries.of(run)
    assert len(asked) == 0
    assert run.answer is not None
    assert run.answer.keys() == {"version", "choices", "log"}


def test_many_runs_are_read_together(ann: Account, kept: Kept) -> None:
    runs = [ended(ann, conversation_id=f"thread-{at}") for at in range(3)]

    with CaptureQueriesContext(connection) as asked:
        source_queries.load(runs)
        assert [len(source_queries.of(run).citations) for run in runs] == [4, 4, 4]
    assert len(asked) == 1


def test_nothing_is_said_of_a_deleted_conversation(ann: Account, kept: Kept) -> None:
    run = ended(ann)
    tombstones.bury_conversation(conversation_id=inspection.conversation(ann).pk, requested_by="a test")

    assert not source_queries.of(run)
    assert not source_queries.of(run_queries.in_detail(account_id=ann.pk, run_id=run.public_id))


def test_what_is_not_stored_is_erased_with_the_answer(ann: Account) -> None:
    run = ended(ann, is_stored=False)
    assert source_queries.of(run)

    readers.erase_unstored(run_ids=[run.pk])

    assert not source_queries.of(Run.objects.get(pk=run.pk))


def test_one_run_is_read_with_its_sources_in_one_query_and_one_look_for_deletion(ann: Account, kept: Kept) -> None:
    run, plain = ended(ann), builders.runs.answered(ann, conversation_id="other")

    with CaptureQueriesContext(connection) as asked:
        found = run_queries.in_detail(account_id=ann.pk, run_id=run.public_id)
    assert len(asked) == 2
    assert source_queries.of(found) == source_queries.of(run)

    with CaptureQueriesContext(connection) as asked:
        found = run_queries.in_detail(account_id=ann.pk, run_id=plain.public_id)
        assert not source_queries.of(found)
    assert len(asked) == 1
    assert "answer" in found.get_deferred_fields()


@pytest.mark.parametrize(("status", "is_stored"), [(RunStatus.FAILED, True), (RunStatus.COMPLETED, False)])
def test_a_row_that_has_its_words_is_not_read_for_one_run(ann: Account, status: RunStatus, is_stored: bool) -> None:
    """It may be 16 MB. Its own caller gets them with the answer."""
    run = ended(ann, status=status, is_stored=is_stored)

    assert not source_queries.of(run_queries.in_detail(account_id=ann.pk, run_id=run.public_id))


def test_an_active_run_has_none(ann: Account) -> None:
    run = builders.runs.start(ann)

    assert not source_queries.of(run_queries.in_detail(account_id=ann.pk, run_id=run.public_id))


def test_a_task_says_them_when_it_is_polled(ann: Account, kept: Kept) -> None:
    run = ended(ann, task=NewTask(""))
    task_id = run.task.public_id

    state = task_queries.find(account_id=ann.pk, task_id=task_id)

    assert state is not None
    assert state.sourced == source_queries.of(run)
    quotes = [citation.quote.excerpt.text for citation in state.sourced.citations if citation.quote]
    assert quotes[:2] == [sources.WARRANTY, sources.TOWER]


def test_no_byte_of_a_source_makes_the_database_refuse_the_end(ann: Account) -> None:
    odd = "a\x00b \ud800 " + "words of the source " * 3
    source = replace(
        sources.NEWS, title=odd, passages=(replace(sources.NEWS.passages[0], text=odd, score=float("nan")),)
    )
    said = sourcing.of_answer("The words of the source [1].", (source,), {"search": odd})

    run = ended(ann, said)

    assert source_queries.of(run) == said
    assert run.answer is not None


def test_a_choice_that_is_not_the_first_is_not_cited(ann: Account) -> None:
    run = builders.runs.start(ann)
    report = builders.runs.report(sources.ANSWER)
    answers = (*report.answers, Answer(1, (TextPart("Other [1]."),), "stop"))
    report = replace(report, answers=answers, ended=replace(report.ended, sourced=SAID))
    assert finish.finish(run=builders.runs.claim(run), report=report)

    assert len(source_queries.of(Run.objects.get(pk=run.pk)).citations) == 4
