"""`fielditem`: what is said of a new visitor (docs/contract D.4). Its bounds are those of a small form."""

from collections.abc import Mapping
from typing import Any

import orjson

from conversations.errors import InvalidRequest
from conversations.rules.texts import storable_json

PARAM = "fielditem"
MEMBERS_MAX, NAME_MAX_CHARS, BYTES_MAX = 64, 64, 16_384


def parse(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without nulls. Raises InvalidRequest."""
    if len(given) > MEMBERS_MAX:
        raise InvalidRequest(f"{PARAM} has more than {MEMBERS_MAX} members", param=PARAM)
    kept = {name: value for name, value in given.items() if value is not None}
    if any(not 1 <= len(name) <= NAME_MAX_CHARS for name in kept):
        raise InvalidRequest(
            f"{PARAM} has a name that is empty or longer than {NAME_MAX_CHARS} characters", param=PARAM
        )
    if len(orjson.dumps(storable_json(kept, param=PARAM))) > BYTES_MAX:
        raise InvalidRequest(f"{PARAM} has more than {BYTES_MAX} bytes", param=PARAM)
    return kept
