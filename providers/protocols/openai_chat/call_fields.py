"""What a vendor says of the call as a whole: in the first chunk, and again in all that follow."""

from collections.abc import Mapping
from typing import Any

import orjson

from providers import untrusted
from providers.events import CallStarted

MAX_MODEL_CHARACTERS = 256
# All of it together, as JSON: our own streams repeat it in every chunk. A list of sources fits in.
MAX_BYTES = 32_768
# Fields we turn into events or have no use for; whatever else comes is kept as the vendor's own.
_CHUNK_FIELDS = frozenset({"object", "created", "model", "choices", "usage", "error", "obfuscation"})

Json = Mapping[str, Any]


def started(chunk: Json, *, vendor: str, request_id: str | None) -> CallStarted:
    own = _within_bounds(chunk)
    model = chunk.get("model")
    told = untrusted.text(model, most=MAX_MODEL_CHARACTERS) if isinstance(model, str) and model else None
    return CallStarted(request_id, told, {vendor: own} if own else None)


def origin(chunk: Json, request_id: str | None) -> str:
    """What tells this answer from others of its vendor; empty when nothing does."""
    given = chunk.get("id")
    return f"{request_id or ''}{untrusted.text(given, most=MAX_BYTES) if isinstance(given, str) else ''}"


def _within_bounds(chunk: Json) -> dict[str, Any]:
    """Whole fields, in their order, for as long as there is room: half a fingerprint is none."""
    own: dict[str, Any] = {}
    left = MAX_BYTES
    for name, value in chunk.items():
        if name in _CHUNK_FIELDS or value is None:
            continue
        field = untrusted.storable({name: value})
        size = len(orjson.dumps(field))
        if size <= left:
            own |= field
            left -= size
    return own
