"""`GET /v1/openapi/kbs-list` (docs/contract D.8.2): the account's knowledge bases."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.models import KnowledgeBase
from conversations.models.knowledge.bases import BASE_NAME_MAX_CHARS
from conversations.queries.knowledge import bases as base_queries
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import MomentField

# An account has a hundred, unless its quota was raised.
MOST = 1_000


class BaseListParameters(serializers.Serializer[Any]):
    name = TextField(most=BASE_NAME_MAX_CHARS, required=False, help_text="A part of their names, in any case.")


class YujuKnowledgeBaseSerializer(serializers.Serializer[KnowledgeBase]):
    repo_id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    create_time = MomentField(source="created_at")


LIST = BaseListParameters()
BASES: serializers.ListSerializer[Any] = serializers.ListSerializer(child=YujuKnowledgeBaseSerializer())


class BaseListView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            base_queries.page,
            account_id=caller.account_id,
            cursor=None,
            limit=MOST,
            name=wanted.get("name", ""),
        )
        return succeed(BASES.to_representation(page.rows))
