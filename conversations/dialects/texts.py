"""What any text of a request must be, whatever the family, before it may go further."""

from typing import Any

from conversations.errors import InvalidRequest

# Deeper JSON is refused here, so that nobody after us has to: the encoder gives up at 254.
JSON_MAX_DEPTH = 100


def storable(text: str, *, param: str, place: str = "") -> str:
    """The text itself. PostgreSQL stores no NUL, and UTF-8 has no lone surrogates: InvalidRequest for both.

    `place` says more exactly than `param` where the text was.
    """
    if "\x00" in text:
        raise InvalidRequest(f"{place or param} contains a NUL character", param=param)
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidRequest(f"{place or param} contains a lone surrogate, half of a character", param=param) from exc
    return text


def storable_json(value: Any, *, param: str, depth: int = 0) -> Any:
    """The value itself, JSON of any kind that is passed on as it is. Raises InvalidRequest as `storable` does."""
    if depth > JSON_MAX_DEPTH:
        raise InvalidRequest(f"{param} is nested more than {JSON_MAX_DEPTH} levels deep", param=param)
    if isinstance(value, str):
        storable(value, param=param)
    elif isinstance(value, dict):
        for name, member in value.items():
            storable(name, param=param)
            storable_json(member, param=param, depth=depth + 1)
    elif isinstance(value, list):
        for member in value:
            storable_json(member, param=param, depth=depth + 1)
    return value
