"""`/api/v1/visitors`: made, found, changed, merged and deleted by their account."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import resources
from conversations.models import Visitor
from conversations.queries.visitors import dialogues as dialogue_queries
from conversations.queries.visitors import visitors as visitor_queries
from conversations.resources.visitors import DIALOGUE_PAGE, VISITOR, VISITOR_PAGE
from conversations.rules.conversations import visitor_fields
from conversations.rules.conversations.visitor_fields import COLUMNS, EXTERNAL_ID_MAX_CHARS
from conversations.services.erasures import begin
from conversations.services.visitors import visitors
from conversations.services.visitors.visitors import VisitorChange
from conversations.values.callers import Caller
from conversations.views.api.base import ApiView
from conversations.views.api.pages import CursorParameters, page_response
from conversations.views.bodies import parameters, request_body
from conversations.views.bodies.fields import ObjectField, TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import PRIVATE, json_response
from conversations.views.http.thread_shares import Share

ID_MAX_CHARS = 40


class VisitorChangeSerializer(serializers.Serializer[Any]):
    """What is null stays as it is."""

    name = TextField(most=COLUMNS["name"], required=False, allow_null=True)
    email = TextField(most=COLUMNS["email"], required=False, allow_null=True)
    mobile = TextField(most=COLUMNS["mobile"], required=False, allow_null=True)
    attributes = ObjectField(required=False, allow_null=True, help_text="What else you know of it. They replace all.")


class VisitorCreateSerializer(VisitorChangeSerializer):
    external_id = TextField(
        most=EXTERNAL_ID_MAX_CHARS,
        required=False,
        allow_null=True,
        help_text="Your own id of it: `visitorId`, or `user` of `/v1`. Without one, its id without `vis_`.",
    )


class MergeSerializer(serializers.Serializer[Any]):
    into = TextField(most=ID_MAX_CHARS, help_text="The id of the visitor that stays.")


class VisitorListParameters(CursorParameters):
    external_id = TextField(required=False, help_text="The one that has this id of yours.")
    name = TextField(required=False, help_text="Only those of exactly this name.")
    email = TextField(required=False, help_text="Only those of exactly this address.")
    mobile = TextField(required=False, help_text="Only those of exactly this number.")


LIST, CONVERSATIONS = VisitorListParameters(), CursorParameters()
CREATE, CHANGE, MERGE = VisitorCreateSerializer(), VisitorChangeSerializer(), MergeSerializer()


class VisitorListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = {"cursor": None, **parameters.read(LIST, request.GET.dict())}
        page = await threadpool.call(visitor_queries.page, account_id=caller.account_id, **wanted)
        return page_response(request, page, serializer=VISITOR_PAGE)

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CREATE, caller=caller)
        await self.admit_again(request)
        made = await threadpool.call_in_share(Share(caller.account_id, ""), partial(_create, caller, given))
        return json_response(VISITOR.to_representation(made), status=201)


class VisitorDetailView(ApiView):
    async def get(self, request: HttpRequest, visitor_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        found = await threadpool.call(visitor_queries.for_account, account_id=caller.account_id, visitor_id=visitor_id)
        return json_response(VISITOR.to_representation(found))

    async def patch(self, request: HttpRequest, visitor_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CHANGE, caller=caller)
        await self.admit_again(request)
        change = partial(
            visitors.change, account_id=caller.account_id, visitor_id=visitor_id, change=VisitorChange(**given)
        )
        changed = await threadpool.call_in_share(Share(caller.account_id, ""), change)
        return json_response(VISITOR.to_representation(changed))

    async def delete(self, request: HttpRequest, visitor_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        delete = partial(
            begin.delete_visitor,
            account_id=caller.account_id,
            visitor_id=visitor_id,
            requested_by=_requested_by(caller),
        )
        erasure = await threadpool.call_in_share(Share(caller.account_id, ""), delete)
        if erasure.finished_at is None:
            return json_response(resources.erasure(erasure), status=202)
        return HttpResponse(status=204, headers=PRIVATE)


class VisitorMergeView(ApiView):
    async def post(self, request: HttpRequest, visitor_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, MERGE, caller=caller)
        await self.admit_again(request)
        merge = partial(_merge, caller, visitor_id=visitor_id, into=given["into"])
        merged = await threadpool.call_in_share(Share(caller.account_id, ""), merge)
        return json_response(VISITOR.to_representation(merged))


class VisitorConversationsView(ApiView):
    async def get(self, request: HttpRequest, visitor_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = {"cursor": None, **parameters.read(CONVERSATIONS, request.GET.dict())}
        page = await threadpool.call(
            dialogue_queries.page, account_id=caller.account_id, visitor_id=visitor_id, **wanted
        )
        return page_response(request, page, serializer=DIALOGUE_PAGE)


def _create(caller: Caller, given: dict[str, Any]) -> Visitor:
    """Raises QuotaExceeded and InvalidRequest."""
    external_id = given.pop(visitors.EXTERNAL_ID, "")
    change = visitors.checked(VisitorChange(**given))
    return visitors.create(caller=caller, external_id=external_id, fields=visitor_fields.VisitorFields(**change))


def _merge(caller: Caller, *, visitor_id: str, into: str) -> Visitor:
    """The one that stays. Raises NotFound and InvalidRequest."""
    begin.merge_visitors(
        account_id=caller.account_id, visitor_id=visitor_id, into=into, requested_by=_requested_by(caller)
    )
    return visitor_queries.for_account(account_id=caller.account_id, visitor_id=into)


def _requested_by(caller: Caller) -> str:
    return f"API key {caller.api_key_id}"
