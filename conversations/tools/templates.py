"""URLs with `{name}` in their path or query: the argument of that name stands there in each call.

A model chooses the arguments, and whoever wrote what the model reads may have chosen them. So they never leave the
place that the template gives them: they are percent-encoded, and none is a step to another path.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_-]{1,64})\}")
# As a URL is stored whose form was checked: braces are encoded there.
_ENCODED = re.compile(r"%7B([A-Za-z0-9_-]{1,64})%7D", re.IGNORECASE)
_STEPS = frozenset({".", ".."})


class UnusableArgument(Exception):
    """`message` is for the model."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def template(checked_url: str) -> str:
    """The template in a URL whose form was checked. A host has no encoded characters, so there is none in it."""
    return _ENCODED.sub(r"{\1}", checked_url)


def names(url: str) -> tuple[str, ...]:
    """Of the arguments that the URL has a place for."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(url)))


def filled(url: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The URL, and the arguments that it has no place for. Raises UnusableArgument."""
    path, mark, query = url.partition("?")
    filled_url = _PLACEHOLDER.sub(lambda match: _in_path(match[1], arguments), path) + mark
    filled_url += _PLACEHOLDER.sub(lambda match: quote(text(arguments.get(match[1])), safe=""), query)
    placed = names(url)
    return filled_url, {name: value for name, value in arguments.items() if name not in placed}


def text(value: Any) -> str:
    """A value as a URL has it: texts as they are, nothing for null, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _in_path(name: str, arguments: Mapping[str, Any]) -> str:
    value = text(arguments.get(name))
    # Some servers decode %2F before they look for steps.
    if not value or _STEPS & set(re.split(r"[/\\]", value)):
        raise UnusableArgument(f"{name}: is needed in the path, and must not be empty or lead to another path.")
    return quote(value, safe="")
