"""The request fields that several routes read in the same way."""

from collections.abc import Mapping
from typing import Any

from conversations.dialects import model_names
from conversations.errors import InvalidRequest
from conversations.rules import checks


def named_model(fields: Mapping[str, Any]) -> str:
    """Raises InvalidRequest."""
    model: str = (fields.get("model") or "").strip()
    if not model:
        raise InvalidRequest("model is required", param="model")
    return model_names.checked(model)


def wants_usage(fields: Mapping[str, Any]) -> bool:
    """Whether the stream is to end with the usage. Raises InvalidRequest."""
    if (given := fields.get("stream_options")) is None:
        return False
    wanted = checks.obj(given, "stream_options").get("include_usage")
    if wanted is not None and not isinstance(wanted, bool):
        checks.refuse("stream_options.include_usage", "must be true or false")
    return bool(wanted)
