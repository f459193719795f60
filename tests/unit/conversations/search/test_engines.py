"""What each engine is asked, and what its JSON is read as. The forms: docs/search.md."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from conversations.search.brave import Brave
from conversations.search.engine import Engine, Query, Result, SearchFailed
from conversations.search.searxng import Searxng
from conversations.search.tavily import Tavily

ENGINES: list[Engine] = [Searxng("http://searx.example/"), Brave("key"), Tavily("key")]


def fields_of(engine: Engine, query: Query) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(engine.request(query).url).query))


def answer_of(engine: Engine, results: Any) -> Any:
    return {"web": {"results": results}} if engine.name == "brave" else {"results": results}


def result(**fields: Any) -> dict[str, Any]:
    """With the snippet under the names of all engines."""
    said = fields.pop("snippet", "said")
    return {"title": "Title", "url": "https://a.example/", "content": said, "description": said, **fields}


def test_searxng_is_asked_for_json_below_its_address() -> None:
    request = Searxng("https://search.example/searxng/").request(Query("a b&c", 5))

    assert request.url == "https://search.example/searxng/search?q=a+b%26c&format=json"
    assert (dict(request.headers), request.body) == ({}, None)


@pytest.mark.parametrize(
    ("text", "country", "language"),
    [
        ("tower", "", None),
        ("tower", "DE", "de-DE"),
        ("tower", "CH", None),
        ("tower", "XX", None),
        ("东京塔有多高", "", "zh"),
        ("东京塔有多高", "DE", "zh"),
        ("东京塔有多高", "CN", "zh-CN"),
        ("東京タワーの高さ", "", "ja"),
        ("서울타워", "", "ko"),
    ],
)
def test_searxng_searches_in_a_language_and_its_region(text: str, country: str, language: str | None) -> None:
    assert fields_of(ENGINES[0], Query(text, 5, country)).get("language") == language


def test_brave_is_asked_with_its_key_in_a_header() -> None:
    request = Brave("k-1").request(Query("tower", 5, "DE"))

    assert request.url.startswith("https://api.search.brave.com/res/v1/web/search?")
    assert dict(request.headers) == {"X-Subscription-Token": "k-1"}
    assert "k-1" not in request.url + repr(request) + repr(Brave("k-1"))
    assert fields_of(ENGINES[1], Query("tower", 5, "DE")) == {
        "q": "tower", "count": "5", "country": "DE", "search_lang": "de", "result_filter": "web",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "country", "sent"),
    [
        ("tower", "", ("ALL", None)),
        ("tower", "XX", ("ALL", None)),
        ("塔", "", ("ALL", "zh-hans")),
        ("塔", "TW", ("TW", "zh-hant")),
        ("タワー", "", ("ALL", "jp")),
        ("torre", "BR", ("BR", "pt-br")),
        ("torre", "PT", ("PT", "pt-pt")),
    ],
)
def test_brave_has_codes_of_its_own(text: str, country: str, sent: tuple[str, str | None]) -> None:
    fields = fields_of(ENGINES[1], Query(text, 5, country))

    assert (fields["country"], fields.get("search_lang")) == sent


def test_tavily_is_asked_by_post_with_the_name_of_the_country() -> None:
    request = Tavily("k-1").request(Query("tower", 5, "KR"))

    assert request.url == "https://api.tavily.com/search"
    assert request.headers["Authorization"] == "Bearer k-1"
    assert "k-1" not in repr(request) + repr(Tavily("k-1"))
    assert orjson.loads(request.body or b"") == {
        "query": "tower", "max_results": 5, "search_depth": "basic", "topic": "general", "country": "south korea",
    }  # fmt: skip
    assert "country" not in orjson.loads(Tavily("k").request(Query("tower", 5, "XX")).body or b"")


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
class TestResults:
    def test_are_in_the_engines_order_each_address_once(self, engine: Engine) -> None:
        urls = ["https://a.example/", "http://b.example/x?y=1", "https://a.example/", "https://c.example/"]
        answer = answer_of(engine, [result(url=url, snippet=f"<strong>{at}</strong>") for at, url in enumerate(urls)])

        assert engine.results(answer, count=2) == [
            Result("Title", "https://a.example/", "<b>0</b>"),
            Result("Title", "http://b.example/x?y=1", "<b>1</b>"),
        ]
        assert len(engine.results(answer, count=9)) == 3

    @pytest.mark.parametrize(
        "url",
        [
            "javascript:alert(1)", "ftp://a.example/", "//a.example/", "", None, 5, [], "https://a.example/\x00",
            "https://a.example/ x", 'https://a.example/"onclick=', "https://a.example/<b>", "https://a.example/\ud800",
            "https://" + "a" * 3000,
        ],
    )  # fmt: skip
    def test_without_an_address_that_can_be_opened_are_left_out(self, engine: Engine, url: Any) -> None:
        answer = answer_of(engine, [result(url=url), result(url="https://good.example/")])

        assert [found.url for found in engine.results(answer, count=5)] == ["https://good.example/"]

    def test_may_lack_title_and_snippet(self, engine: Engine) -> None:
        found = engine.results(
            answer_of(engine, [{"url": "https://a.example/"}, result(title=[], snippet={})]), count=5
        )

        assert found == [Result("", "https://a.example/", "")]

    @pytest.mark.parametrize(
        "answer",
        [None, [], {}, "x", 5, {"results": None}, {"results": {}}, {"results": "x"}, {"results": [None, 5, "x", []]},
         {"web": None}, {"web": []}, {"web": {"results": {}}}, {"web": {"results": [[[]]]}}, {"error": "No query"}],
    )  # fmt: skip
    def test_of_anything_else_are_none(self, engine: Engine, answer: Any) -> None:
        assert list(engine.results(answer, count=5)) == []

    def test_of_millions_only_the_first_are_looked_at(self, engine: Engine) -> None:
        found = engine.results(answer_of(engine, [result(url="no")] * 100 + [result()]), count=5)

        assert list(found) == []


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        ([["google", "too many requests"], ["bing", "timeout"]], "google too many requests, bing timeout"),
        ([["x" * 100, "y\x00"]], "x" * 40 + " y\ufffd"),
        ([None, [], [5]], ", "),
        ("odd", ""),
    ],
)
def test_searxng_without_results_has_failed_where_all_its_engines_have(failed: Any, reason: str) -> None:
    with pytest.raises(SearchFailed) as caught:
        ENGINES[0].results({"results": [], "unresponsive_engines": failed}, count=5)

    assert caught.value.reason == f"its engines have failed: {reason}"


def test_searxng_with_results_has_not() -> None:
    answer = {"results": [result()], "unresponsive_engines": [["google", "timeout"]]}

    assert len(ENGINES[0].results(answer, count=5)) == 1
