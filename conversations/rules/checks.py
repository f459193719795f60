"""What a value of a request must be. Each check returns the value, or raises InvalidRequest that names its place.

Places are written as OpenAI writes `param`: `messages[0].content[1].image_url.url`.
"""

from typing import Any, NoReturn

from conversations.errors import InvalidRequest
from conversations.rules.texts import storable

Json = dict[str, Any]


def refuse(place: str, problem: str) -> NoReturn:
    raise InvalidRequest(f"{place} {problem}", param=place)


def obj(value: Any, place: str, *, most: int | None = None) -> Json:
    """`most` members, where somebody looks at each; None: only those that are known by name are looked at."""
    if not isinstance(value, dict):
        refuse(place, "must be an object")
    if most is not None and len(value) > most:
        refuse(place, f"has more than {most} members")
    return value


def array(value: Any, place: str, *, most: int) -> list[Any]:
    """Its length is looked at before any of its elements are."""
    if not isinstance(value, list):
        refuse(place, "must be an array")
    if len(value) > most:
        refuse(place, f"has more than {most} elements")
    return value


def short(text: str, place: str, *, most: int) -> str:
    """A text that is a name of something, not what somebody says."""
    if len(text) > most:
        refuse(place, f"is longer than {most} characters")
    return text


def string(value: Any, place: str) -> str:
    if not isinstance(value, str):
        refuse(place, "must be a string")
    return storable(value, param=place)


def text(holder: Json, name: str, place: str) -> str:
    """A required string member."""
    value = holder.get(name)
    if value is None:
        refuse(f"{place}.{name}", "is required")
    return string(value, f"{place}.{name}")


def optional_text(holder: Json, name: str, place: str) -> str | None:
    """null is as good as absent."""
    value = holder.get(name)
    return None if value is None else string(value, f"{place}.{name}")


def member(holder: Json, name: str, place: str) -> Json:
    """A required object member."""
    value = holder.get(name)
    if value is None:
        refuse(f"{place}.{name}", "is required")
    return obj(value, f"{place}.{name}")


def word(holder: Json, name: str, place: str) -> str:
    """A required string member that is not empty."""
    found = text(holder, name, place)
    if not found:
        refuse(f"{place}.{name}", "must not be empty")
    return found
