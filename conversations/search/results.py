"""The results in an engine's JSON, which may be anything."""

from typing import Any

import orjson

from conversations.search import snippets
from conversations.search.engine import Result
from providers import untrusted

# More than any engine gives on a page.
LOOKED_AT = 100
URL_MAX_CHARS = 2_048


def read(items: Any, *, snippet: str, count: int) -> list[Result]:
    """The first `count` that have a web address, each address once. `snippet` is the member with the snippet."""
    found: dict[str, Result] = {}
    for item in items[:LOOKED_AT] if isinstance(items, list) else ():
        url = _url(item.get("url")) if isinstance(item, dict) else ""
        if url and url not in found:
            found[url] = Result(snippets.plain(item.get("title")), url, snippets.snippet(item.get(snippet)))
            if len(found) == count:
                break
    return list(found.values())


def _url(given: Any) -> str:
    """ "" for what a reader or the guard could not open: callers make links of it."""
    if not isinstance(given, str) or len(given) > URL_MAX_CHARS:
        return ""
    is_web = given.lower().startswith(("http://", "https://"))
    return given if is_web and given.isprintable() and not set(' "<>\\') & set(given) else ""


def member(answer: Any, name: str) -> Any:
    """None where the JSON is no object, or has no such member."""
    return answer.get(name) if isinstance(answer, dict) else None


def body(**fields: Any) -> bytes:
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


def words(given: Any, *, most: int) -> str:
    """What an engine says of itself, for a log."""
    return untrusted.text(given, most=most) if isinstance(given, str) else ""
