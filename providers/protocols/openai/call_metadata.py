"""What a vendor says about the call as a whole. It stands in the first chunk and is repeated in the others."""

from collections.abc import Mapping
from typing import Any

import orjson

from providers import untrusted
from providers.events import CallStarted

MAX_MODEL_CHARACTERS = 256
# Of all fields together, as JSON: our own streams repeat them in every chunk. A list of sources fits in.
MAX_BYTES = 32_768
# Fields that become events or are not needed; all others are kept as the vendor's own.
_CHUNK_FIELDS = frozenset({"object", "created", "model", "choices", "usage", "error", "obfuscation"})

Json = Mapping[str, Any]


def started(chunk: Json, *, vendor: str, request_id: str | None) -> CallStarted:
    own = _within_bounds(chunk)
    model = chunk.get("model")
    name = untrusted.text(model, most=MAX_MODEL_CHARACTERS) if isinstance(model, str) and model else None
    return CallStarted(request_id, name, {vendor: own} if own else None)


def answer_id(chunk: Json, request_id: str | None) -> str:
    """The vendor's ids of request and answer, joined: unique among its answers. Empty when it gives neither."""
    own_id = chunk.get("id")
    return f"{request_id or ''}{untrusted.text(own_id, most=MAX_BYTES) if isinstance(own_id, str) else ''}"


def _within_bounds(chunk: Json) -> dict[str, Any]:
    """The vendor's fields in their order. One that does not fit is left out, because half a value is useless."""
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
