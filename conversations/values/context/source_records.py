"""The JSON of sources and citations, in the rows of runs and in their live events.

A live event has the words of excerpts, since its readers show them at once. A row has their spans and digests: the
words are kept once, where the document is (`queries/sources.py`). Nothing else keeps what a search found, so there the
row has the words, and it alone has all passages.
"""

from collections.abc import Mapping, Sequence, Set
from hashlib import blake2b
from typing import Any

from conversations.values.assistants import Fallback, FallbackHandler, IntentMatch
from conversations.values.context.sources import (
    CUSTOM,
    NOT_SOURCED,
    Citation,
    ContextAsked,
    Excerpt,
    Passage,
    Quote,
    Source,
    Sourced,
    SourceKind,
)

Json = dict[str, Any]
DIGEST_BYTES = 8
KEPT_BY_RUN = frozenset({SourceKind.SEARCH})
# Of a turn that is not stored nothing keeps what its files say, and its row is erased soon.
KEPT_BY_UNSTORED_RUN = KEPT_BY_RUN | {SourceKind.REFERENCE}


def dump_asked(asked: ContextAsked) -> Json:
    """Without what is not asked for."""
    record: Json = {}
    if asked.knowledge:
        record["knowledge"] = list(asked.knowledge)
    if asked.search:
        record["search"] = True
        record["size"] = asked.search_size
        record["country"] = asked.search_country
    if asked.tools:
        record["tools"] = list(asked.tools)
    if asked.fallback.handler is not FallbackHandler.CUSTOM:
        record["fallback"] = [asked.fallback.handler.value, asked.fallback.text]
    if asked.intents:
        record["intents"] = list(asked.intents)
    return record


def load_asked(record: Mapping[str, Any]) -> ContextAsked:
    return ContextAsked(
        tuple(record.get("knowledge", ())),
        bool(record.get("search")),
        record.get("size", "medium"),
        record.get("country", ""),
        tuple(record.get("tools", ())),
        _load_fallback(record["fallback"]) if "fallback" in record else CUSTOM,
        tuple(record.get("intents", ())),
    )


def _load_fallback(record: Sequence[str]) -> Fallback:
    handler, text = record
    return Fallback(FallbackHandler(handler), text)


def digest(text: str) -> str:
    """Tells the words of an excerpt from other words at the same place of a document that was changed since."""
    return blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()


def dump(sourced: Sourced, *, is_live: bool, kept: Set[SourceKind] = KEPT_BY_RUN) -> Json:
    """The members of the record that holds it; none where nothing was asked for.

    `kept`: the kinds of sources whose words the record has, since nothing else keeps them.
    """
    if not sourced:
        return {}
    kinds = [source.kind for source in sourced.sources]
    record: Json = {
        "sources": [dump_source(source, is_live=is_live, kept=kept) for source in sourced.sources],
        "citations": [
            _dump_citation(citation, is_worded=is_live or _is_kept(citation, kinds, kept))
            for citation in sourced.citations
        ],
    }
    if sourced.notes:
        record["notes"] = dict(sourced.notes)
    if sourced.intents:
        record["intents"] = [[match.id, match.name, match.is_satisfied] for match in sourced.intents]
    return record


def load(record: Mapping[str, Any]) -> Sourced:
    """Raises KeyError, ValueError or TypeError when it cannot be read."""
    if "sources" not in record:
        return NOT_SOURCED
    return Sourced(
        sources=tuple(map(load_source, record["sources"])),
        citations=tuple(map(_load_citation, record["citations"])),
        notes=record.get("notes", {}),
        intents=tuple(IntentMatch(*match) for match in record.get("intents", ())),
    )


def _is_kept(citation: Citation, kinds: list[SourceKind], kept: Set[SourceKind]) -> bool:
    return citation.is_known and kinds[citation.number - 1] in kept


def dump_source(source: Source, *, is_live: bool, kept: Set[SourceKind]) -> Json:
    passages = source.best_passages if is_live else source.passages
    return {
        "kind": source.kind.value,
        "id": source.id,
        "title": source.title,
        "url": source.url,
        "base": source.base,
        "passages": [[p.start, p.end, p.page, p.score] for p in passages],
        "excerpt": _dump_excerpt(source.excerpt, is_worded=is_live or source.kind in kept),
        **({"snippet": source.snippet} if source.snippet else {}),
    }


def load_source(record: Mapping[str, Any]) -> Source:
    """Raises KeyError, ValueError or TypeError when it cannot be read."""
    return Source(
        kind=SourceKind(record["kind"]),
        id=record["id"],
        title=record["title"],
        url=record["url"],
        base=record["base"],
        passages=tuple(Passage("", *fields) for fields in record["passages"]),
        excerpt=_load_excerpt(record["excerpt"]),
        snippet=record.get("snippet", ""),
    )


def _dump_citation(citation: Citation, *, is_worded: bool) -> Json:
    """Without what is the rule: the number is known, and no words agree."""
    record: Json = {"number": citation.number, "start": citation.start, "end": citation.end}
    if not citation.is_known:
        record["is_known"] = False
    if citation.quote:
        record["quote"] = _dump_excerpt(citation.quote.excerpt, is_worded=is_worded)
        record["similarity"] = citation.quote.similarity
    return record


def _load_citation(record: Mapping[str, Any]) -> Citation:
    excerpt = _load_excerpt(record.get("quote"))
    return Citation(
        number=record["number"],
        start=record["start"],
        end=record["end"],
        is_known=record.get("is_known", True),
        quote=Quote(excerpt, record["similarity"]) if excerpt else None,
    )


def _dump_excerpt(excerpt: Excerpt | None, *, is_worded: bool) -> Json | None:
    if excerpt is None:
        return None
    words = {"text": excerpt.text} if is_worded else {"digest": digest(excerpt.text)}
    return {"start": excerpt.start, "end": excerpt.end, "page": excerpt.page, **words}


def _load_excerpt(record: Mapping[str, Any] | None) -> Excerpt | None:
    if record is None:
        return None
    return Excerpt(
        record.get("text", ""), record["start"], record["end"], record["page"], digest=record.get("digest", "")
    )
