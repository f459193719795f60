"""The pages that a search has found: read in parallel, and those of their passages that fit the question."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from urllib.parse import urlsplit

from conversations import extraction
from conversations.knowledge import passages, ranking
from conversations.outbound.fetch import Fetched
from conversations.search.engine import Result
from conversations.search.snippets import plain
from conversations.values.context.sources import Passage, Source, SourceKind

PAGE_MAX_BYTES = 2_000_000
# Ranking holds the interpreter: a millisecond for about 20 passages.
TEXT_MAX_CHARS = 200_000
PASSAGES_LOOKED_AT = 100
PASSAGES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it was read. `digest` is the SHA-256 of its text, in hex."""

    title: str
    passages: Sequence[Passage]
    digest: str


def read(fetched: Fetched, *, owner: Hashable, seconds: float, is_wanted: Callable[[], bool]) -> Page:
    """As `extraction.extract`. Raises extraction.Unreadable."""
    name = urlsplit(fetched.url).path
    found = extraction.extract(
        fetched.data, media_type=fetched.declared, name=name, owner=owner, seconds=seconds, is_wanted=is_wanted
    )
    text = found.text[:TEXT_MAX_CHARS]
    starts = [start for start in found.page_starts if start < len(text)]
    split = passages.split(text, starts)[:PASSAGES_LOOKED_AT]
    return Page(found.title, split, sha256(found.text.encode()).hexdigest())


def sources(question: str, results: Sequence[Result], pages: Sequence[Page | None]) -> tuple[Source, ...]:
    """In the order of the engine. What says nothing of the question, or could not be read, has its snippet.

    The passages of all pages are ranked together, so that their scores can be compared.
    """
    candidates = [
        (*(page.passages if page else ()), *_of_snippet(result)) for result, page in zip(results, pages, strict=True)
    ]
    scores = iter(ranking.rank(question, [passage.text for found in candidates for passage in found]))
    ranked = [[replace(passage, score=next(scores)) for passage in found] for found in candidates]
    made = (_source(*one) for one in zip(results, pages, ranked, strict=True))
    return tuple(source for source in made if source.passages)


def _of_snippet(result: Result) -> Sequence[Passage]:
    text = plain(result.snippet, most=len(result.snippet))
    return (Passage(text, 0, len(text)),) if text else ()


def _source(result: Result, page: Page | None, ranked: Sequence[Passage]) -> Source:
    of_page = ranked[: len(page.passages)] if page else []
    best = sorted((passage for passage in of_page if passage.score > 0), key=lambda passage: -passage.score)
    if page and best:
        shown, digest = sorted(best[:PASSAGES_SHOWN], key=lambda passage: passage.start), page.digest
    else:
        shown = list(ranked[len(of_page) :])
        digest = sha256("".join(passage.text for passage in shown).encode()).hexdigest()
    return Source(
        SourceKind.SEARCH,
        id=digest,
        title=result.title or plain(page.title if page else ""),
        url=result.url,
        passages=tuple(shown),
        snippet=result.snippet,
    )
