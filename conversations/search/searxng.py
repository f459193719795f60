"""SearXNG, which the operator runs: `GET /search?format=json`. Wire facts: docs/search.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from conversations.search import countries, results
from conversations.search.engine import EngineRequest, Query, Result, SearchFailed

FORMAT_IS_OFF = "its JSON is off: `json` has to be among `search.formats` in the settings.yml of SearXNG"
REASON_MAX_CHARS = 200
ADVICE = {
    301: "SEARXNG_URL is not its last address",
    302: "SEARXNG_URL is not its last address",
    308: "SEARXNG_URL is not its last address",
    403: FORMAT_IS_OFF,
    404: "SEARXNG_URL is not the address of a SearXNG",
    429: "its limiter refuses us: put our address among `botdetection.ip_lists.pass_ip` in its limiter.toml",
}


@dataclass(frozen=True, slots=True)
class Searxng:
    base_url: str
    name = "searxng"

    def request(self, query: Query) -> EngineRequest:
        fields = {"q": query.text, "format": "json"}
        if language := countries.language_of(query.text, country=query.country):
            is_its_country = query.country and countries.COUNTRIES.get(query.country, ("", ""))[1] == language
            fields["language"] = f"{language}-{query.country}" if is_its_country else language
        return EngineRequest(f"{self.base_url.rstrip('/')}/search?{urlencode(fields)}")

    def results(self, answer: Any, *, count: int) -> Sequence[Result]:
        """Nothing is a failure where its own engines have failed: SearXNG says 200 then."""
        found = results.read(results.member(answer, "results"), snippet="content", count=count)
        if not found and (failed := results.member(answer, "unresponsive_engines")):
            raise SearchFailed(f"its engines have failed: {_named(failed)}")
        return found

    def advice(self, status: int) -> str:
        return ADVICE.get(status, "")


def _named(failed: Any) -> str:
    pairs = [pair for pair in failed[: results.LOOKED_AT] if isinstance(pair, list)] if isinstance(failed, list) else []
    told = [" ".join(results.words(word, most=40) for word in pair[:2]) for pair in pairs]
    return ", ".join(told)[:REASON_MAX_CHARS]
