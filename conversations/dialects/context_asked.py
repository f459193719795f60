"""Our own fields of a turn that say what is looked up for the model, and what it may call; the same in every family."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conversations.errors import InvalidRequest
from conversations.rules.texts import storable
from conversations.values.context.sources import ContextAsked, SearchSize

BASES_MAX = 16
ID_MAX_CHARS = 40
KNOWLEDGE = "knowledge"
TOOLS_MAX = 32
# In the name of a model that is asked with what a search of the web finds. Not `o3-deep-research`.
_SEARCHES = re.compile("(?<!re)search", re.IGNORECASE)


def parse(
    knowledge: Any,
    *,
    search: bool = False,
    web_search_options: Any = None,
    tools: Any = None,
    tools_param: str = "tools",
) -> ContextAsked | None:
    """`knowledge` is the id of a knowledge base, or a list of them; `tools` those of tools and MCP servers.

    None where nothing is asked for.

    `web_search_options` asks for a search too, also an empty object. It was checked as an option
    (`rules.generation.structured_options`), because a vendor that searches itself gets it as it is.

    Raises InvalidRequest. Whether the account has such bases and tools is found out later.
    """
    bases = _ids(knowledge, param=KNOWLEDGE, of="a knowledge base", most=BASES_MAX)
    called = _ids(tools, param=tools_param, of="a tool", most=TOOLS_MAX)
    if isinstance(web_search_options, dict):
        size, country = _size(web_search_options), _country(web_search_options)
        return ContextAsked(bases, True, size, country, called)
    return ContextAsked(bases, search, tools=called) or None


def of_model(asked: ContextAsked | None, model: str) -> ContextAsked | None:
    """With a search for a model that is named for it. A model that searches itself is found out when it is asked."""
    return replace(asked or ContextAsked(), search=True) if _SEARCHES.search(model) else asked


def _size(options: Mapping[str, Any]) -> SearchSize:
    size: SearchSize | None = options.get("search_context_size")
    return size or "medium"


def _country(options: Mapping[str, Any]) -> str:
    location = options.get("user_location") or {}
    place = location.get("approximate") or location
    country: str | None = place.get("country")
    return (country or "").upper()


def _ids(given: Any, *, param: str, of: str, most: int) -> tuple[str, ...]:
    given = [given] if isinstance(given, str) else [] if given is None else given
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise InvalidRequest(f"{param} must be the id of {of} or a list of ids", param=param)
    if len(given) > most:
        raise InvalidRequest(f"{param} has more than {most} elements", param=param)
    return tuple(dict.fromkeys(_id(one, param=param) for one in given if one))


def _id(given: str, *, param: str) -> str:
    if len(given) > ID_MAX_CHARS:
        raise InvalidRequest(f"{param} holds an id of more than {ID_MAX_CHARS} characters", param=param)
    return storable(given, param=param)
