"""What any text of a request must be, whatever the family, before it may go further."""

from typing import Any

from conversations.errors import InvalidRequest

# Deeper JSON is refused here, so that nobody after us has to: the encoder gives up at 254.
JSON_MAX_DEPTH = 100
# Of a place that a refusal names: a caller's own names may be as long as its body.
PLACE_MAX_CHARS = 200


def storable(text: str, *, param: str, place: str = "") -> str:
    """The text itself. PostgreSQL stores no NUL, and UTF-8 has no lone surrogates: InvalidRequest for both.

    `place` says more exactly than `param` where the text was.
    """
    if "\x00" in text:
        raise InvalidRequest(f"{place or param} contains a NUL character", param=param or None)
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidRequest(
            f"{place or param} contains a lone surrogate, half of a character", param=param or None
        ) from exc
    return text


def check_storable(value: Any, *, place: str, depth: int = 0) -> None:
    """For a whole body, whatever becomes of its fields. Raises InvalidRequest naming the place, as `a.b[0]`."""
    if depth > JSON_MAX_DEPTH:
        raise InvalidRequest(f"{place} is nested more than {JSON_MAX_DEPTH} levels deep", param=place)
    match value:
        case str():
            storable(value, param=place)
        case dict():
            for name, member in value.items():
                storable(name, param=place, place=f"a name in {place or 'the request body'}")
                inside = f"{place}.{name}" if place else name
                check_storable(member, place=inside[:PLACE_MAX_CHARS], depth=depth + 1)
        case list():
            for index, member in enumerate(value):
                check_storable(member, place=f"{place}[{index}]"[:PLACE_MAX_CHARS], depth=depth + 1)


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
