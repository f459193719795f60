"""`GET /v1/openapi/kbs-content` (docs/contract D.8.2): the passages of a knowledge base that fit a question best."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.queries.knowledge import search
from conversations.queries.knowledge.search import Hit
from conversations.resources.fields import MethodField
from conversations.services.knowledge import searches
from conversations.values.callers import Caller
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool
from conversations.views.http.thread_shares import Share
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import ID_MAX_CHARS

# A search costs as much as so many ordinary requests.
AMOUNT = 5
COUNT, COUNT_MAX = 10, 50
QUESTION_MAX_CHARS = 4_000


class PassageParameters(serializers.Serializer[Any]):
    """`key_world` is spelled so (docs/contract D.8)."""

    kbs = TextField(most=ID_MAX_CHARS, help_text="The `repo_id` of the knowledge base.")
    key_world = TextField(most=QUESTION_MAX_CHARS, help_text="What is looked for.")
    count = parameters.WholeNumberField(least=1, most=COUNT_MAX, default=COUNT)


class YujuPassageSerializer(serializers.Serializer[Hit]):
    """`page` is null for what has no pages."""

    content = serializers.CharField(source="text")
    score = serializers.FloatField()
    repo_id = serializers.CharField(source="base")
    file_id = serializers.CharField(source="document")
    file_name = serializers.CharField(source="name")
    file_url = MethodField(serializers.CharField(allow_null=True))
    page = serializers.IntegerField(allow_null=True)

    def get_file_url(self, hit: Hit) -> str | None:
        return hit.url or None


PARAMETERS = PassageParameters()
PASSAGES: serializers.ListSerializer[Any] = serializers.ListSerializer(child=YujuPassageSerializer())


class PassageListView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=AMOUNT)
        wanted = parameters.read(PARAMETERS, request.GET.dict())
        # As for a conversation: one account's searches never hold all threads.
        share = Share(caller.account_id, f"search:{wanted['kbs']}")
        found = await threadpool.call_in_share(share, _search, caller, wanted)
        return succeed(PASSAGES.to_representation(found.hits))


def _search(caller: Caller, wanted: dict[str, Any]) -> search.Found:
    """Several passages of one file, too: who asks here reads passages, not files."""
    found = search.search(
        account_id=caller.account_id,
        bases=[wanted["kbs"]],
        query=wanted["key_world"],
        limit=wanted["count"],
        per_document=wanted["count"],
        may_ask=searches.may_ask(caller),
    )
    searches.charge(found.used, caller=caller)
    return found
