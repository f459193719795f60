"""What any text of a request must be, whatever the family, before it may go further."""

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

from conversations.errors import InvalidRequest

# Deeper JSON is refused here, so that nobody after us has to: the encoder gives up at 254.
JSON_MAX_DEPTH = 100
# Of a path that a refusal names: a caller's own names may be as long as its body.
PATH_MAX_CHARS = 200

_Container = dict[str, Any] | list[Any]


def storable(text: str, *, param: str, path: str = "") -> str:
    """The text itself. PostgreSQL stores no NUL, and UTF-8 has no lone surrogates: InvalidRequest for both.

    `path` says more exactly than `param` where the text was.
    """
    if "\x00" in text:
        raise InvalidRequest(f"{path or param} contains a NUL character", param=param or None)
    try:
        # Whether a text is ASCII it knows by itself; to encode a long one takes a copy.
        _ = text.isascii() or text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidRequest(
            f"{path or param} contains a lone surrogate, half of a character", param=param or None
        ) from exc
    return text


def check_storable(body: dict[str, Any]) -> None:
    """For a whole body, whatever becomes of its fields. Raises InvalidRequest naming the path, as `a.b[0]`.

    A path is put in words only where something is at fault: a body may have a million of them.
    """
    level: list[tuple[_Container, _Path]] = [(body, _Path(None, ""))]
    for _ in range(JSON_MAX_DEPTH):
        level = [inner for container, at in level for inner in _checked_members(container, at)]
    if level:
        where = str(level[0][1])
        raise InvalidRequest(f"{where} is nested more than {JSON_MAX_DEPTH} levels deep", param=where)


class _Path:
    """Where in a body a value is: the name or the index it has in the value around it."""

    __slots__ = ("_name", "_outer")

    def __init__(self, outer: "_Path | None", name: str | int) -> None:
        self._outer = outer
        self._name = name

    def __str__(self) -> str:
        outer = str(self._outer) if self._outer else ""
        if isinstance(self._name, int):
            return f"{outer}[{self._name}]"[:PATH_MAX_CHARS]
        name = self._name[:PATH_MAX_CHARS]
        return f"{outer}.{name}"[:PATH_MAX_CHARS] if outer else name


def _checked_members(container: _Container, at: _Path) -> Iterator[tuple[_Container, _Path]]:
    """Those that have members of their own. The texts among them, and all names, are as they must be."""
    if isinstance(container, dict):
        for name in container:
            if _is_odd(name):
                storable(name, param=str(at), path=f"a name in {str(at) or 'the request body'}")
    for key, member in container.items() if isinstance(container, dict) else enumerate(container):
        if isinstance(member, str):
            if _is_odd(member):
                storable(member, param=str(_Path(at, key)))
        elif isinstance(member, dict | list):
            yield member, _Path(at, key)


def _is_odd(text: str) -> bool:
    """Whether it takes a closer look."""
    return "\x00" in text or not text.isascii()


def storable_json(value: Any, *, param: str) -> Any:
    """The value itself, JSON of any kind that is passed on as it is.

    Raises InvalidRequest as `storable` does, and for what JSON cannot say: nestings without end, NaN and infinities.
    """
    level, depth = [value], 0
    while level:
        if depth > JSON_MAX_DEPTH:
            raise InvalidRequest(f"{param} is nested more than {JSON_MAX_DEPTH} levels deep", param=param)
        level, depth = [inner for found in level for inner in _checked_json(found, param)], depth + 1
    return value


def _checked_json(value: Any, param: str) -> Iterable[Any]:
    """The members of the value, which itself is as it must be."""
    if isinstance(value, str):
        storable(value, param=param)
    elif isinstance(value, dict):
        for name in value:
            storable(name, param=param)
        return value.values()
    elif isinstance(value, list):
        return value
    elif isinstance(value, float) and not isfinite(value):
        raise InvalidRequest(f"{param} contains a number that JSON cannot say", param=param)
    return ()
