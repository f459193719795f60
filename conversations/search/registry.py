"""The engines by name, and which of them is asked."""

from collections.abc import Callable, Mapping

from conversations.search import brave, tavily
from conversations.search.brave import Brave
from conversations.search.engine import Engine
from conversations.search.searxng import Searxng
from conversations.search.tavily import Tavily

Settings = Mapping[str, str]

# The first that is configured is asked, unless SEARCH_ENGINE names another. Each with the setting that configures it.
ENGINES: dict[str, tuple[str, Callable[[Settings], Engine]]] = {
    "searxng": ("SEARXNG_URL", lambda given: Searxng(given["SEARXNG_URL"])),
    "brave": (
        "BRAVE_API_KEY",
        lambda given: Brave(given["BRAVE_API_KEY"], given.get("BRAVE_BASE_URL") or brave.BASE_URL),
    ),
    "tavily": (
        "TAVILY_API_KEY",
        lambda given: Tavily(given["TAVILY_API_KEY"], given.get("TAVILY_BASE_URL") or tavily.BASE_URL),
    ),
}
CHOICE = "SEARCH_ENGINE"
SETTINGS = (CHOICE, "SEARXNG_URL", "BRAVE_API_KEY", "BRAVE_BASE_URL", "TAVILY_API_KEY", "TAVILY_BASE_URL")


def configured(given: Settings) -> Engine | None:
    """`given` has those of SETTINGS that are set. None where search is off.

    Raises ValueError, in words for the operator, where the engine that was chosen is not configured.
    """
    chosen = given.get(CHOICE, "")
    for name, (setting, make) in ENGINES.items():
        if given.get(setting) and chosen in ("", name):
            # httpx would show such a key in its error.
            if not (given[setting].isascii() and given[setting].isprintable()):
                raise ValueError(f"{setting} holds characters that cannot be sent")
            return make(given)
    if chosen:
        raise ValueError(f"{CHOICE} is {chosen}, which needs {ENGINES[chosen][0]}")
    return None
