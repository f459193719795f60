"""A canonical request as the JSON body of `POST /embeddings`."""

from typing import Any

import orjson

from providers.catalog import Target
from providers.messages import EmbeddingRequest

PATH = "/embeddings"


def dump(request: EmbeddingRequest, target: Target) -> bytes:
    return orjson.dumps(body(request, target))


def body(request: EmbeddingRequest, target: Target) -> dict[str, Any]:
    """Always asks for base64, whatever the caller asked for: it is exact, and a third as long as decimal numbers."""
    given = request.inputs[0] if len(request.inputs) == 1 else request.inputs
    options = {**target.options, **request.options}
    return {**options, "model": target.model, "input": given, "encoding_format": "base64"}
