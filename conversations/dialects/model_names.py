"""The name of a model, as callers of every family give it."""

from conversations.errors import InvalidRequest
from conversations.rules.texts import storable

# What `Run.model` holds.
MAX_CHARS = 200


def checked(given: str) -> str:
    """The name itself. Raises InvalidRequest for what cannot be one."""
    if len(given) > MAX_CHARS:
        raise InvalidRequest(f"model is longer than {MAX_CHARS} characters", param="model")
    return storable(given, param="model")
