"""Brave Search: `GET /res/v1/web/search`. Wire facts: docs/search.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from conversations.search import countries, results
from conversations.search.engine import EngineRequest, Query, Result

BASE_URL = "https://api.search.brave.com"
ANY_COUNTRY = "ALL"
# Where its code of a language is not that of ISO 639-1.
LANGUAGES = {"zh": "zh-hans", "ja": "jp", "pt": "pt-pt"}
LANGUAGES_OF_COUNTRIES = {"BR": "pt-br", "TW": "zh-hant", "HK": "zh-hant"}
NOT_ACCEPTED = "BRAVE_API_KEY is not accepted"
ADVICE = {401: NOT_ACCEPTED, 403: NOT_ACCEPTED, 422: "it refuses BRAVE_API_KEY or the query", 429: "its rate limit"}


@dataclass(frozen=True, slots=True)
class Brave:
    api_key: str = field(repr=False)
    base_url: str = BASE_URL
    name = "brave"

    def request(self, query: Query) -> EngineRequest:
        """Without a country Brave would search for readers in the United States, and in English."""
        is_known = query.country in countries.COUNTRIES
        fields = {"q": query.text, "count": str(query.count), "country": query.country if is_known else ANY_COUNTRY}
        if language := countries.language_of(query.text, country=query.country):
            fields["search_lang"] = LANGUAGES_OF_COUNTRIES.get(query.country) or LANGUAGES.get(language, language)
        fields["result_filter"] = "web"
        url = f"{self.base_url.rstrip('/')}/res/v1/web/search?{urlencode(fields)}"
        return EngineRequest(url, {"X-Subscription-Token": self.api_key})

    def results(self, answer: Any, *, count: int) -> Sequence[Result]:
        found = results.member(results.member(answer, "web"), "results")
        return results.read(found, snippet="description", count=count)

    def advice(self, status: int) -> str:
        return ADVICE.get(status, "")
