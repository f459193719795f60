"""The option by which OpenAI's callers ask for a search of the web (docs/contract C.3)."""

from collections.abc import Mapping
from typing import Any

WEB_SEARCH = "web_search_options"


def without_search(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """For a turn whose search was ours: vendors whose models do not search refuse the option."""
    return {name: value for name, value in options.items() if name != WEB_SEARCH}
