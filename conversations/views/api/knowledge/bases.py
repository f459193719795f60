"""`/api/v1/knowledge`: the account's knowledge bases."""

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.queries.knowledge import bases as base_queries
from conversations.queries.knowledge import vectors
from conversations.resources import knowledge as resources
from conversations.services.knowledge import bases
from conversations.views.api.base import ApiView
from conversations.views.api.pages import CursorParameters, page_response
from conversations.views.bodies import parameters, request_body
from conversations.views.bodies.fields import TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response
from conversations.views.http.thread_shares import Share


class BaseCreateSerializer(serializers.Serializer[Any]):
    name = TextField()
    embedding = TextField(required=False, allow_null=True, help_text="What its passages are compared by beside words.")


class BaseChangeSerializer(serializers.Serializer[Any]):
    """What is null stays as it is."""

    name = TextField(required=False, allow_null=True)
    embedding = TextField(required=False, allow_null=True, help_text="Another one: the base is indexed anew.")


class ReindexSerializer(serializers.Serializer[Any]):
    embedding = TextField(required=False, allow_null=True, help_text="Another one from now on.")


LIST = CursorParameters()
CREATE, CHANGE, REINDEX = BaseCreateSerializer(), BaseChangeSerializer(), ReindexSerializer()


class BaseListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            base_queries.page, account_id=caller.account_id, cursor=wanted.get("cursor"), limit=wanted["limit"]
        )
        return page_response(request, page, serializer=resources.BASE_PAGE)

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        fields = await request_body.read_fields(request, CREATE, caller=caller)
        await self.admit_again(request)
        made = await threadpool.call(
            bases.create,
            account_id=caller.account_id,
            name=fields["name"],
            embedding=fields.get("embedding") or "",
            allowed_models=caller.models,
        )
        return json_response(resources.base(made), status=201)


class BaseDetailView(ApiView):
    async def get(self, request: HttpRequest, base_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        shown = await threadpool.call(_shown, account_id=caller.account_id, base_id=base_id)
        return json_response(shown)

    async def patch(self, request: HttpRequest, base_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        fields = await request_body.read_fields(request, CHANGE, caller=caller)
        await self.admit_again(request)
        change = partial(
            bases.change,
            account_id=caller.account_id,
            base_id=base_id,
            name=fields.get("name"),
            embedding=fields.get("embedding"),
            allowed_models=caller.models,
        )
        await threadpool.call_in_share(_share(caller.account_id), change)
        shown = await threadpool.call(_shown, account_id=caller.account_id, base_id=base_id)
        return json_response(shown)

    async def delete(self, request: HttpRequest, base_id: str) -> HttpResponseBase:
        """Its documents are deleted behind the answer, which nobody finds any more."""
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        share = _share(caller.account_id)
        await threadpool.call_in_share(share, bases.delete, account_id=caller.account_id, base_id=base_id)
        return json_response(resources.DELETED_BASE.to_representation({"id": base_id}))


class BaseReindexView(ApiView):
    async def post(self, request: HttpRequest, base_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        fields = await request_body.read_fields(request, REINDEX, caller=caller, may_be_empty=True)
        await self.admit_again(request)
        base = await threadpool.call_in_share(
            _share(caller.account_id),
            bases.reindex,
            account_id=caller.account_id,
            base_id=base_id,
            embedding=fields.get("embedding"),
            allowed_models=caller.models,
        )
        return json_response(resources.base(base), status=202)


def _share(account_id: int) -> Share:
    """A base is locked while a document of it is indexed: who waits for that keeps few threads from others."""
    return Share(account_id, "")


def _shown(*, account_id: int, base_id: str) -> dict[str, Any]:
    base = base_queries.for_account(account_id=account_id, base_id=base_id)
    return resources.with_counts(base, base_queries.counts(base), vectors.of_base(base))
