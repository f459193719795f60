"""`/api/v1/knowledge/{id}/search`: the passages of a knowledge base that fit a question best."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.queries.knowledge import search, why_not_found
from conversations.services.knowledge import searches
from conversations.values.callers import Caller
from conversations.views.api.base import ApiView
from conversations.views.bodies import request_body
from conversations.views.bodies.fields import IntegerField, TextField
from conversations.views.http import threadpool
from conversations.views.http.base import json_response
from conversations.views.http.thread_shares import Share

# It costs as much as so many ordinary requests.
AMOUNT = 5
LIMIT, LIMIT_MAX = 10, 50
DOCUMENT_ID_MAX_CHARS = 40
# Of a document that was pasted as a question; in any script it is less than a small body (`bodies/budget.py`). What
# counts of it is in queries/knowledge/search.py.
QUERY_MAX_CHARS = 10_000


class SearchSerializer(serializers.Serializer[Any]):
    """`limit` counts passages, at most `per_document` of a document."""

    query = TextField(most=QUERY_MAX_CHARS)
    limit = IntegerField(least=1, most=LIMIT_MAX, required=False, allow_null=True)
    per_document = IntegerField(least=1, most=LIMIT_MAX, required=False, allow_null=True)
    expected_document = TextField(most=DOCUMENT_ID_MAX_CHARS, required=False, allow_null=True)


class FoundPassageSerializer(serializers.Serializer[Any]):
    """A passage: the characters of its document's text from `start` up to `end`. `page` is null without pages."""

    document_id = serializers.CharField(source="document")
    name = serializers.CharField()
    url = serializers.CharField()
    text = serializers.CharField()
    score = serializers.FloatField()
    page = serializers.IntegerField(allow_null=True)
    start = serializers.IntegerField()
    end = serializers.IntegerField()


class WhyNotFoundSerializer(serializers.Serializer[Any]):
    """What a search knows of the document that was expected.

    `rank` counts documents from 1; null where it was not compared, as when it has none of the words, and where vectors
    say that the base has nothing on the question. Words are as they were indexed: folded, and pairs of characters in
    scripts without spaces. `matched_words` are in the best passage, `missing_words` in others of the base alone,
    `unknown_words` in none.
    """

    document_id = serializers.CharField()
    status = serializers.CharField()
    rank = serializers.IntegerField(allow_null=True)
    score = serializers.FloatField()
    page = serializers.IntegerField(allow_null=True)
    start = serializers.IntegerField(allow_null=True)
    end = serializers.IntegerField(allow_null=True)
    matched_words = serializers.ListField(child=serializers.CharField())
    missing_words = serializers.ListField(child=serializers.CharField())
    unknown_words = serializers.ListField(child=serializers.CharField())


class SearchResultsSerializer(serializers.Serializer[Any]):
    """The best first. `notes` say what was left out, by the step's name. `why_not_found` if a document was expected."""

    results = FoundPassageSerializer(many=True)
    notes = serializers.DictField(child=serializers.CharField())
    why_not_found = WhyNotFoundSerializer(required=False)


SEARCH, RESULTS, WHY = SearchSerializer(), SearchResultsSerializer(), WhyNotFoundSerializer()


class SearchView(ApiView):
    async def post(self, request: HttpRequest, base_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=AMOUNT)
        fields = await request_body.read_fields(request, SEARCH, caller=caller, chars=QUERY_MAX_CHARS)
        await self.admit_again(request)
        # As for a conversation: one account's searches never hold all threads.
        share = Share(caller.account_id, f"search:{base_id}"[:DOCUMENT_ID_MAX_CHARS])
        found = await threadpool.call_in_share(share, _search, caller, base_id, fields)
        return json_response(found)


def _search(caller: Caller, base_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    wanted = {
        "account_id": caller.account_id,
        "query": fields["query"],
        "limit": fields.get("limit") or LIMIT,
        "per_document": fields.get("per_document") or 1,
        "may_ask": searches.may_ask(caller),
    }
    expected = fields.get("expected_document")
    if expected is None:
        found = search.search(bases=[base_id], **wanted)
        searches.charge(found.used, caller=caller)
        return _rendered(found)
    found, why = why_not_found.search_for(base=base_id, expected=expected, **wanted)
    searches.charge(found.used, caller=caller)
    return {**_rendered(found), "why_not_found": WHY.to_representation(why)}


def _rendered(found: search.Found) -> dict[str, Any]:
    return {
        "results": RESULTS.fields["results"].to_representation(found.hits),
        "notes": dict(found.notes),
    }
