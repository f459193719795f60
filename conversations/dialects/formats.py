"""Which format of an answer an Accept header asks for: on `/aichat`, and where a run is resumed."""

from conversations.values.runs import Format

# Looked for anywhere in the header: clients write `application/x-ndjson`, `application/ndjson` and q-values at will.
_MARKS = {"ndjson": Format.NDJSON, "event-stream": Format.SSE}


def negotiate(accept: str) -> Format:
    """The streamed format named first; JSON when none is named. No header is refused."""
    accept = accept.lower()
    named = [(accept.index(mark), found) for mark, found in _MARKS.items() if mark in accept]
    return min(named)[1] if named else Format.JSON
