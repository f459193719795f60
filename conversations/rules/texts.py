"""What every text of a request must be, whatever the family, so that it can be stored and sent."""

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

from conversations.errors import InvalidRequest
from providers import untrusted

# The encoder fails beyond 254 levels, so deeper JSON is refused here, once for all later code.
JSON_MAX_DEPTH = 100
# How much of a path a refusal quotes: the names in it may be as long as the body.
PATH_MAX_CHARS = 200

_Container = dict[str, Any] | list[Any]


def storable(text: str, *, param: str, path: str = "") -> str:
    """The text itself. Raises InvalidRequest for a NUL, which PostgreSQL does not store, and for a lone surrogate, for
    which UTF-8 has no bytes.

    `path` says more exactly than `param` where the text was.
    """
    if "\x00" in text:
        raise InvalidRequest(f"{path or param} contains a NUL character", param=param or None)
    try:
        # `isascii` reads a flag of the string; `encode` copies a long text.
        _ = text.isascii() or text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidRequest(
            f"{path or param} contains a lone surrogate, half of a character", param=param or None
        ) from exc
    return text


def named(name: str, *, param: str, most: int) -> str:
    """The name in one line, of characters that everybody sees. Raises InvalidRequest unless it has 1 to `most`."""
    name = untrusted.one_line(storable(name, param=param))
    if not 1 <= len(name) <= most:
        raise InvalidRequest(f"{param} must have from 1 to {most} characters", param=param)
    return name


def check_storable(body: dict[str, Any]) -> None:
    """Checks all texts of a body. Raises InvalidRequest that names the path at fault, as `a.b[0]`.

    A path is written out only where something is at fault: a body may have a million of them.
    """
    level: list[tuple[_Container, _Path]] = [(body, _Path(None, ""))]
    for _ in range(JSON_MAX_DEPTH):
        level = [inner for container, at in level for inner in _checked_members(container, at)]
    if level:
        where = str(level[0][1])
        raise InvalidRequest(f"{where} is nested more than {JSON_MAX_DEPTH} levels deep", param=where)


class _Path:
    """The path of a value: its name or index in the value that holds it, and the path of that one."""

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
    """Checks the names and texts of the container; yields its members that are containers."""
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
    """Whether `storable` has to look at the text."""
    return "\x00" in text or not text.isascii()


def storable_json(value: Any, *, param: str) -> Any:
    """The value itself: JSON of any kind, to be passed on as it is.

    Raises InvalidRequest as `storable` does, and for what JSON cannot say: nestings without end, NaN and infinities.
    """
    level, depth = [value], 0
    while level:
        if depth > JSON_MAX_DEPTH:
            raise InvalidRequest(f"{param} is nested more than {JSON_MAX_DEPTH} levels deep", param=param)
        level, depth = [inner for found in level for inner in _checked_json(found, param)], depth + 1
    return value


def _checked_json(value: Any, param: str) -> Iterable[Any]:
    """Checks the value itself; returns its members."""
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
