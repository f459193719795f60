"""The JSON of the sources that a run's model was shown, as the step keeps it from which another attempt goes on.

It has the words of those sources alone that nothing else keeps; of others the digest of the words that were shown.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from conversations.values.context import source_records
from conversations.values.context.sources import Gathered, Source, SourceKind
from providers import untrusted

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeptSources:
    """`digests`: of the words of each of `gathered.shown`, "" of one that has its words here."""

    gathered: Gathered
    digests: tuple[str, ...]


def dump(gathered: Gathered, *, is_stored: bool) -> Json:
    """Without what is empty. `sources` of `gathered`: what was left out."""
    kept = source_records.KEPT_BY_RUN if is_stored else source_records.KEPT_BY_UNSTORED_RUN
    record: Json = {
        "shown": [_dump_shown(source, kept) for source in gathered.shown or ()],
        "left_out": [
            source_records.dump_source(source, is_live=False, kept=frozenset()) for source in gathered.sources
        ],
        "left_out_more": gathered.left_out_more,
        "has_searched": gathered.has_searched,
        "notes": dict(gathered.notes),
    }
    storable: Json = untrusted.storable({name: value for name, value in record.items() if value or name == "shown"})
    return storable


def load(record: Mapping[str, Any]) -> KeptSources:
    """Raises KeyError, ValueError or TypeError when it cannot be read."""
    gathered = Gathered(
        sources=tuple(map(source_records.load_source, record.get("left_out", ()))),
        notes=record.get("notes", {}),
        has_searched=record.get("has_searched", False),
        shown=tuple(map(_load_shown, record["shown"])),
        left_out_more=record.get("left_out_more", 0),
    )
    return KeptSources(gathered, tuple(shown.get("digest", "") for shown in record["shown"]))


def digest(source: Source) -> str:
    """Of the words of its passages."""
    return source_records.digest("\0".join(passage.text for passage in source.passages))


def _dump_shown(source: Source, kept: Set[SourceKind]) -> Json:
    words = (
        {"texts": [passage.text for passage in source.passages]} if source.kind in kept else {"digest": digest(source)}
    )
    return {**source_records.dump_source(source, is_live=False, kept=kept), **words}


def _load_shown(record: Mapping[str, Any]) -> Source:
    source = source_records.load_source(record)
    texts = record.get("texts") or [""] * len(source.passages)
    worded = (replace(passage, text=text) for passage, text in zip(source.passages, texts, strict=True))
    return replace(source, passages=tuple(worded))
