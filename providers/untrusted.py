"""JSON and text from vendors and receivers, which may be invalid, made fit to be stored and sent on.

PostgreSQL stores no U+0000, UTF-8 has no halves of surrogate pairs, and orjson writes neither deep nesting nor
integers beyond 64 bits. What `storable` and `text` return has none of these.
"""

import json
import math
import re
from typing import Any

import orjson

# Far deeper than the fields of any answer; deeper values are left out. orjson writes up to 254 levels, and what is
# kept of an answer is wrapped in a few more.
MAX_DEPTH = 64
# Longer JSON is checked before it is parsed: a million small values are a hundred times as large in memory.
LONG_BYTES = 1024 * 1024
MAX_CONTAINERS = 1_000_000
# The most vectors one may ask for, 2,048 of 3,072 numbers, are 6.3 million.
MAX_ITEMS = 8_000_000
REPLACEMENT = "\ufffd"
_INTEGER_CHARACTERS = 18
# Values of these types need no check, so a list of a million numbers is returned as it is.
_PLAIN = frozenset({int, float, bool, type(None)})
# Default_Ignorable_Code_Point of Unicode 15, but for the selectors of emoji; and controls.
_INVISIBLE = re.compile(
    "[\x01-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
_FIRST_HALVES = ("\ud800", "\udbff")


def loads(data: bytes) -> Any:
    """Parses JSON, also where it is not strictly valid. Raises ValueError for what is no JSON, or has too many values.

    Bytes that are not UTF-8 and U+0000 become U+FFFD, NaN and Infinity become null, raw control characters are
    accepted. Halves of surrogate pairs are left in, because the other half may be in the next chunk (see `storable`).
    """
    if len(data) > LONG_BYTES and (
        data.count(b"{") + data.count(b"[") > MAX_CONTAINERS or data.count(b",") > MAX_ITEMS
    ):
        raise ValueError("JSON of too many pieces")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _bounded(_loads_leniently(data), MAX_DEPTH)
    # This runs for each token of each answer. Looking for a single byte first takes a fifth of the time.
    is_plain = b"\\" not in data or b"\\u0000" not in data
    if is_plain and data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return value
    return _bounded(value, MAX_DEPTH)


def _loads_leniently(data: bytes) -> Any:
    text = data.decode("utf-8", errors="replace").removeprefix("\ufeff")
    try:
        return json.loads(
            text, strict=False, parse_constant=lambda _: None, parse_float=_finite, parse_int=_short_integer
        )
    except RecursionError as exc:
        raise ValueError("JSON nested too deeply") from exc


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _short_integer(text: str) -> int | float | None:
    return int(text) if len(text) <= _INTEGER_CHARACTERS else _finite(text)


def _bounded(value: Any, depth: int) -> Any:
    match value:
        case str():
            return value.replace("\x00", REPLACEMENT)
        case dict() | list() if depth == 0:
            return None
        case dict():
            return {name.replace("\x00", REPLACEMENT): _bounded(item, depth - 1) for name, item in value.items()}
        case list():
            return value if _PLAIN.issuperset(map(type, value)) else [_bounded(item, depth - 1) for item in value]
        case _:
            return value


def storable(value: Any) -> Any:
    """A JSON value without U+0000, halves of surrogate pairs and anything deeper than MAX_DEPTH. Pairs are joined."""
    return value if _is_storable(value) else _storable(value, MAX_DEPTH)


def _is_storable(value: Any) -> bool:
    """Found out by writing the value once. Nearly all values are storable, and walking through one takes ten times as
    long.
    """
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return b"\\u0000" not in written and written.count(b"{") + written.count(b"[") <= MAX_DEPTH


def _storable(value: Any, depth: int) -> Any:
    match value:
        case str():
            return text(value)
        case dict() | list() if depth == 0:
            return None
        case dict():
            return {text(name): _storable(item, depth - 1) for name, item in value.items()}
        case list():
            return value if _PLAIN.issuperset(map(type, value)) else [_storable(item, depth - 1) for item in value]
        case _:
            return value


def text(given: str, *, most: int | None = None) -> str:
    """The text without U+0000 and halves of surrogate pairs, cut to `most` characters."""
    try:
        given.encode()
    except UnicodeEncodeError:
        given = given.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return given.replace("\x00", REPLACEMENT)[:most]


def visible(given: str) -> str:
    """The text without characters that nobody sees: bidi controls, zero-width ones, tags. Line ends and tabs stay, and
    so do joiners between letters, which some scripts need.
    """
    return given if given.isascii() and given.isprintable() else _INVISIBLE.sub("", given)


def one_line(given: str, *, most: int | None = None) -> str:
    """`text` and `visible`, on one line."""
    return visible(" ".join(text(given).split()))[:most].strip()


def text_so_far(given: str) -> tuple[str, str]:
    """`text` of a fragment, and the first half of a surrogate pair at its end: the next fragment may begin with the
    other half.
    """
    if given and _FIRST_HALVES[0] <= given[-1] <= _FIRST_HALVES[1]:
        return text(given[:-1]), given[-1]
    return text(given), ""
