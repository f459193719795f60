"""The JSON of what a run's row keeps of its prompt: numbers, spans, digests and scores, and no text."""

from collections.abc import Mapping, Sequence
from typing import Any

from conversations.values.context import source_records
from conversations.values.context.receipts import FileShown, KeptContext, ShownFile
from conversations.values.context.sources import Source, Sourced

Json = dict[str, Any]

# The member of the record of an answer that has it.
NAME = "context"
ALWAYS = ("read", "dropped", "dropped_before")


def dump(kept: KeptContext) -> Json:
    """Without what is empty."""
    record: Json = {
        "read": kept.read,
        "dropped": kept.dropped,
        "dropped_before": kept.dropped_before,
        "window": kept.window,
        "tokens": dict(kept.tokens),
        "answer_limit": kept.answer_limit,
        "files": [[f.message, f.kind, f.name, f.shown.value, f.source, f.reason] for f in kept.files],
        "sources": _dump_sources(kept.sources),
        "digests": list(kept.digests),
        "left_out": _dump_sources(kept.left_out),
        "left_out_more": kept.left_out_more,
        "has_searched": kept.has_searched,
        "steps": kept.steps,
        "notes": dict(kept.notes),
        "is_cut": kept.is_cut,
    }
    found = {name: value for name, value in record.items() if value or name in ALWAYS}
    # Cut to 0 is not the same as not cut.
    return found if kept.results_most is None else {**found, "results_most": kept.results_most}


def load(record: Mapping[str, Any]) -> KeptContext:
    """Raises KeyError, ValueError or TypeError when it cannot be read."""
    return KeptContext(
        read=record["read"],
        dropped=record["dropped"],
        dropped_before=record.get("dropped_before"),
        window=record["window"],
        tokens=record.get("tokens", {}),
        answer_limit=record.get("answer_limit"),
        files=tuple(_load_file(file) for file in record.get("files", ())),
        sources=_load_sources(record.get("sources", ())),
        digests=tuple(record.get("digests", ())),
        left_out=_load_sources(record.get("left_out", ())),
        left_out_more=record.get("left_out_more", 0),
        has_searched=record.get("has_searched", False),
        steps=record.get("steps", 0),
        results_most=record.get("results_most"),
        notes=record.get("notes", {}),
        is_cut=record.get("is_cut", False),
    )


def _load_file(record: Sequence[Any]) -> ShownFile:
    message, kind, name, shown, source, reason = record
    return ShownFile(message, kind, name, FileShown(shown), source, reason)


def _dump_sources(sources: Sequence[Source]) -> list[Json]:
    found: list[Json] = source_records.dump(Sourced(tuple(sources)), is_live=False).get("sources", [])
    return found


def _load_sources(records: Sequence[Mapping[str, Any]]) -> tuple[Source, ...]:
    return source_records.load({"sources": records, "citations": []}).sources
