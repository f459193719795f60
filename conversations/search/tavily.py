"""Tavily: `POST /search`. Wire facts: docs/search.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conversations.search import countries, results
from conversations.search.engine import EngineRequest, Query, Result

BASE_URL = "https://api.tavily.com"
ADVICE = {
    401: "TAVILY_API_KEY is not accepted",
    403: "TAVILY_API_KEY is not accepted",
    429: "its rate limit",
    432: "the limit of your plan",
    433: "the limit of your pay-as-you-go",
}


@dataclass(frozen=True, slots=True)
class Tavily:
    api_key: str = field(repr=False)
    base_url: str = BASE_URL
    name = "tavily"

    def request(self, query: Query) -> EngineRequest:
        """Its cheapest depth: the pages are read by us."""
        wanted = results.body(
            query=query.text,
            max_results=query.count,
            search_depth="basic",
            topic="general",
            country=countries.name_of(query.country),
        )
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        return EngineRequest(f"{self.base_url.rstrip('/')}/search", headers, wanted)

    def results(self, answer: Any, *, count: int) -> Sequence[Result]:
        return results.read(results.member(answer, "results"), snippet="content", count=count)

    def advice(self, status: int) -> str:
        return ADVICE.get(status, "")
