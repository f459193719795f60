"""What ended runs say of their sources, with the words that they show of them.

A run's row has where the words are (`values/context/source_records.py`). Where their document is not kept any more, or
is another one now, the place is left without its words.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import JSONObject

from conversations.models import Conversation, Run
from conversations.queries.knowledge import kept_words
from conversations.queries.knowledge.kept_words import Span
from conversations.values.context import source_records
from conversations.values.context.sources import NOT_SOURCED, Citation, Excerpt, Passage, Source, Sourced, SourceKind
from conversations.values.runs import RunStatus

# Of an account: the words at these spans, as far as its documents are kept.
Read = Callable[[int, Collection[Span]], Mapping[Span, str]]
# A span of a kind of source of an account, and the words at each.
_Place = tuple[int, SourceKind, Span]
_Words = Mapping[_Place, str]

# What a query calls the part of the answer that it has read alone.
RECORD = "source_record"
# Which room keeps the documents of a kind. What a search found is kept by the run itself.
READERS: Mapping[SourceKind, Read] = {
    SourceKind.KNOWLEDGE: kept_words.of_knowledge,
    SourceKind.REFERENCE: kept_words.of_contents,
}


def with_records(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Of the answers only what they say of their sources, which `load` takes instead of the whole.

    Of turns that are stored and did not fail: their answers are short, since their words are messages. What the others
    have answered may be 16 MB, and nobody else reads it here.
    """
    members = {name: F(f"answer__{name}") for name in ("sources", "citations", "notes", "intents")}
    record = JSONObject(**members)
    is_short = Q(conversation__isnull=False, answer__isnull=False) & ~Q(ended_as=RunStatus.FAILED.value)
    return runs.annotate(**{RECORD: Case(When(is_short, then=record), default=JSONObject())})


def load(runs: Collection[Run]) -> None:
    """Reads the words for all the runs at once, before `of` would do so for each. No query where none has sources."""
    unread = [run for run in runs if run.sourced is None]
    found = {run.pk: source_records.load(_record(run)) for run in unread}
    sourced = [run for run in unread if found[run.pk]]
    if sourced:
        deleted = _deleted(sourced)
        kept = [run for run in sourced if run.conversation_id not in deleted]
        words = _words({place for run in kept for place in _places(run, found[run.pk])})
        for run in sourced:
            found[run.pk] = _worded(run, found[run.pk], words) if run in kept else NOT_SOURCED
    for run in unread:
        run.sourced = found[run.pk]


def of(run: Run) -> Sourced:
    """Of an ended run. Nothing where its conversation was deleted."""
    load([run])
    return run.sourced or NOT_SOURCED


def texts(source: Source, *, account_id: int) -> list[str]:
    """Of each of its passages the words that its document has there now; "" where it is not kept any more."""
    return [passage.text for passage in worded([source], account_id=account_id)[0].passages]


def worded(sources: Sequence[Source], *, account_id: int) -> list[Source]:
    """Their passages with the words that their documents have there now, as `texts`."""
    words = _words(
        {
            (account_id, source.kind, (source.id, passage.start, passage.end))
            for source in sources
            for passage in source.passages
        }
    )

    def text(source: Source, passage: Passage) -> str:
        if source.kind not in READERS:
            return passage.text
        return words.get((account_id, source.kind, (source.id, passage.start, passage.end)), "")

    return [
        replace(source, passages=tuple(replace(one, text=text(source, one)) for one in source.passages))
        for source in sources
    ]


def _record(run: Run) -> Mapping[str, Any]:
    read_alone = vars(run).get(RECORD)
    if read_alone is None:
        return run.answer or {}
    return {name: value for name, value in read_alone.items() if value is not None}


def _deleted(runs: Collection[Run]) -> set[int | None]:
    conversations = Conversation.objects.filter(
        pk__in={run.conversation_id for run in runs}, account__in={run.account_id for run in runs}
    )
    return set(conversations.exclude(deleted_at=None).values_list("pk", flat=True))


def _places(run: Run, sourced: Sourced) -> Iterator[_Place]:
    """Of the words that the row does not have."""
    for source in sourced.sources:
        if source.excerpt and source.excerpt.digest:
            yield _place(run, source, source.excerpt)
    for citation in sourced.citations:
        if citation.quote and citation.quote.excerpt.digest:
            yield _place(run, sourced.sources[citation.number - 1], citation.quote.excerpt)


def _place(run: Run, source: Source, excerpt: Excerpt) -> _Place:
    return run.account_id, source.kind, (source.id, excerpt.start, excerpt.end)


def _words(places: Collection[_Place]) -> _Words:
    wanted: defaultdict[tuple[int, SourceKind], set[Span]] = defaultdict(set)
    for account_id, kind, span in places:
        wanted[account_id, kind].add(span)
    return {
        (account_id, kind, span): text
        for (account_id, kind), spans in wanted.items()
        if kind in READERS
        for span, text in READERS[kind](account_id, spans).items()
    }


def _worded(run: Run, sourced: Sourced, words: _Words) -> Sourced:
    def fill(source: Source, excerpt: Excerpt) -> Excerpt:
        text = words.get(_place(run, source, excerpt), "") if excerpt.digest else ""
        return replace(excerpt, text=text) if text and source_records.digest(text) == excerpt.digest else excerpt

    def filled(citation: Citation) -> Citation:
        if citation.quote is None:
            return citation
        excerpt = fill(sourced.sources[citation.number - 1], citation.quote.excerpt)
        return replace(citation, quote=replace(citation.quote, excerpt=excerpt))

    return replace(
        sourced,
        sources=tuple(
            replace(source, excerpt=fill(source, source.excerpt)) if source.excerpt else source
            for source in sourced.sources
        ),
        citations=tuple(map(filled, sourced.citations)),
    )
