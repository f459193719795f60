import pytest

from conversations.search import registry
from conversations.search.brave import Brave
from conversations.search.searxng import Searxng
from conversations.search.tavily import Tavily

ALL = {"SEARXNG_URL": "http://searx.example", "BRAVE_API_KEY": "b", "TAVILY_API_KEY": "t"}


def test_search_is_off_where_nothing_is_configured() -> None:
    assert registry.configured({}) is None


@pytest.mark.parametrize(
    ("given", "engine"),
    [
        (ALL, Searxng("http://searx.example")),
        ({"BRAVE_API_KEY": "b", "TAVILY_API_KEY": "t"}, Brave("b")),
        ({"TAVILY_API_KEY": "t"}, Tavily("t")),
        ({**ALL, "SEARCH_ENGINE": "tavily", "TAVILY_BASE_URL": "http://t.example"}, Tavily("t", "http://t.example")),
        ({**ALL, "SEARCH_ENGINE": "brave", "BRAVE_BASE_URL": "http://b.example"}, Brave("b", "http://b.example")),
    ],
)
def test_the_chosen_engine_is_asked_else_the_first(given: dict[str, str], engine: object) -> None:
    assert registry.configured(given) == engine


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({**ALL, "SEARCH_ENGINE": "brave", "BRAVE_API_KEY": ""}, "SEARCH_ENGINE is brave, which needs BRAVE_API_KEY"),
        ({"SEARCH_ENGINE": "searxng"}, "SEARCH_ENGINE is searxng, which needs SEARXNG_URL"),
        ({"BRAVE_API_KEY": "geheim–"}, "BRAVE_API_KEY holds characters that cannot be sent"),
        ({"TAVILY_API_KEY": "a\nb"}, "TAVILY_API_KEY holds characters that cannot be sent"),
    ],
)
def test_refuses_what_cannot_work(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        registry.configured(given)
