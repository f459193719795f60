"""The JSON answer of v1, and which of the three representations a caller wants."""

import orjson

from conversations.values.runs import Format

# Found anywhere in `accept`: clients write `application/x-ndjson`, `application/ndjson` and q-values as they like.
_MARKS = {"ndjson": Format.NDJSON, "event-stream": Format.SSE}


def negotiate(accept: str) -> Format:
    """The streaming form named first in an Accept header; JSON when none is named. Nothing is unacceptable."""
    accept = accept.lower()
    named = [(accept.index(mark), form) for mark, form in _MARKS.items() if mark in accept]
    return min(named)[1] if named else Format.JSON


def answer(*, conversation_id: str, text: str) -> bytes:
    """Both keys always, also for a turn that nothing stores (docs/contract A.3)."""
    return orjson.dumps({"id": conversation_id, "answer": text})
