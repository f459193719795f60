"""What is said and kept of an answer's sources once the run has ended: of their texts only what readers are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite

from conversations.knowledge.citing import citations, quotes
from conversations.knowledge.citing.sentences import SENTENCE_MAX_CHARS
from conversations.values.context.sources import Citation, Excerpt, Passage, Source, Sourced
from providers import untrusted

TITLE_MAX_CHARS = 300
URL_MAX_CHARS = 8192
NOTE_MAX_CHARS = 300


def of_answer(answer: str, sources: Sequence[Source], notes: Mapping[str, str]) -> Sourced:
    """`sources` as the model was shown them, in the order of their numbers."""
    return Sourced(
        sources=tuple(map(_summary, sources)),
        citations=tuple(map(_storable, citations.find(answer, sources))),
        notes={step: untrusted.text(note)[:NOTE_MAX_CHARS] for step, note in notes.items()},
    )


def _summary(source: Source) -> Source:
    """Titles and addresses come from the documents themselves."""
    is_web = source.url.lower().startswith(("http://", "https://")) and len(source.url) <= URL_MAX_CHARS
    return replace(
        source,
        title=untrusted.one_line(source.title[:TITLE_MAX_CHARS]),
        url=untrusted.text(source.url) if is_web else "",
        passages=tuple(map(_span, source.passages)),
        excerpt=_excerpt(source.passages),
    )


def _span(passage: Passage) -> Passage:
    return replace(passage, text="", score=round(passage.score, 6) if isfinite(passage.score) else 0.0)


def _excerpt(passages: Sequence[Passage]) -> Excerpt | None:
    """The beginning of the best passage."""
    best = max(passages, key=lambda passage: passage.score, default=None)
    if best is None or not best.text.strip():
        return None
    start = len(best.text) - len(best.text.lstrip())
    end = len(best.text[: start + SENTENCE_MAX_CHARS].rstrip())
    return _clean(quotes.excerpt(best, start, end))


def _storable(citation: Citation) -> Citation:
    quote = citation.quote
    return citation if quote is None else replace(citation, quote=replace(quote, excerpt=_clean(quote.excerpt)))


def _clean(excerpt: Excerpt) -> Excerpt:
    return replace(excerpt, text=untrusted.text(excerpt.text))
