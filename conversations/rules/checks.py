"""Checks of a request's values. Each returns the value, or raises InvalidRequest that names its path.

Places are written as OpenAI writes `param`: `messages[0].content[1].image_url.url`.
"""

from typing import Any, NoReturn

from conversations.errors import InvalidRequest
from conversations.rules.texts import storable

Json = dict[str, Any]


def refuse(path: str, problem: str) -> NoReturn:
    raise InvalidRequest(f"{path} {problem}", param=path)


def obj(value: Any, path: str, *, most: int | None = None) -> Json:
    """An object of at most `most` members. None: any number, because only members known by name are read."""
    if not isinstance(value, dict):
        refuse(path, "must be an object")
    if most is not None and len(value) > most:
        refuse(path, f"has more than {most} members")
    return value


def array(value: Any, path: str, *, most: int) -> list[Any]:
    """An array whose length is checked before any element is looked at."""
    if not isinstance(value, list):
        refuse(path, "must be an array")
    if len(value) > most:
        refuse(path, f"has more than {most} elements")
    return value


def short(text: str, path: str, *, most: int) -> str:
    """A text of at most `most` characters: for names. The texts of messages have no bound here."""
    if len(text) > most:
        refuse(path, f"is longer than {most} characters")
    return text


def string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        refuse(path, "must be a string")
    return storable(value, param=path)


def text(holder: Json, name: str, path: str) -> str:
    """A required string member."""
    value = holder.get(name)
    if value is None:
        refuse(f"{path}.{name}", "is required")
    return string(value, f"{path}.{name}")


def optional_text(holder: Json, name: str, path: str) -> str | None:
    """An optional string member; null counts as absent."""
    value = holder.get(name)
    return None if value is None else string(value, f"{path}.{name}")


def member(holder: Json, name: str, path: str) -> Json:
    """A required object member."""
    value = holder.get(name)
    if value is None:
        refuse(f"{path}.{name}", "is required")
    return obj(value, f"{path}.{name}")


def nonempty_text(holder: Json, name: str, path: str) -> str:
    """A required string member that is not empty."""
    found = text(holder, name, path)
    if not found:
        refuse(f"{path}.{name}", "must not be empty")
    return found
