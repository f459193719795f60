"""The objects of `/v1/models` (docs/contract C.7)."""

from typing import Any

# `created` is no date here: the catalogue has none, and clients want a number. Gateways of this family answer this one.
CREATED = 1_626_777_600


def model(*, name: str, owner: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": owner}
