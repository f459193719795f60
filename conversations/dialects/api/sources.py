"""What an answer says of its sources, the same in every family (docs/contract P.1).

Beside the answer stand `sources`, all that the model was shown, in the order of their numbers; `citations`, the marks
in the answer; and `notes`, why other sources were not found. An answer that was asked without sources has none of them.
Where the question may satisfy intents, `intents` say of each whether it does, null where that could not be found out.
"""

from typing import Any

from conversations.values.context.sources import Citation, Excerpt, Passage, Source, Sourced

Json = dict[str, Any]


def members(sourced: Sourced) -> Json:
    """The members that stand beside an answer; none where it was asked without sources."""
    fields: Json = {}
    if sourced.sources or sourced.notes:
        fields["sources"] = [_source(number, source) for number, source in enumerate(sourced.sources, 1)]
        fields["citations"] = [_citation(citation) for citation in sourced.citations]
    if sourced.notes:
        fields["notes"] = {step: sourced.notes[step] for step in sorted(sourced.notes)}
    if sourced.intents:
        fields["intents"] = [
            {"id": match.id, "name": match.name, "satisfied": match.is_satisfied} for match in sourced.intents
        ]
    return fields


def url_annotations(sourced: Sourced) -> list[Json]:
    """The citations of sources with an address, as OpenAI has them (docs/contract C.3)."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": citation.start,
                "end_index": citation.end,
                "title": sourced.sources[citation.number - 1].title,
                "url": url,
            },
        }
        for citation in sourced.citations
        if citation.is_known and (url := sourced.sources[citation.number - 1].url)
    ]


def _source(number: int, source: Source) -> Json:
    excerpt = source.excerpt
    return {
        "number": number,
        "kind": source.kind.value,
        "id": source.id,
        "title": source.title,
        "url": source.url or None,
        "knowledge": source.base or None,
        "score": source.score,
        "snippet": (excerpt.text or None) if excerpt else None,
        "passages": [_passage(passage) for passage in source.best_passages],
    }


def _passage(passage: Passage) -> Json:
    return {"start": passage.start, "end": passage.end, "page": passage.page, "score": passage.score}


def _citation(citation: Citation) -> Json:
    quote = citation.quote
    return {
        "number": citation.number,
        "start": citation.start,
        "end": citation.end,
        "is_known": citation.is_known,
        "quote": {**_excerpt(quote.excerpt), "similarity": quote.similarity} if quote else None,
    }


def _excerpt(excerpt: Excerpt) -> Json:
    return {"text": excerpt.text or None, "start": excerpt.start, "end": excerpt.end, "page": excerpt.page}
