"""`/api/v1/intents`: what visitors of an account may want."""

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.models.assistants.intents import DESCRIPTION_MAX_CHARS
from conversations.queries.assistants import intents as intent_queries
from conversations.resources.intents import DELETED_INTENT, INTENT, INTENT_PAGE
from conversations.services.assistants import intents
from conversations.services.assistants.intents import EXAMPLE_MAX_CHARS, EXAMPLES_MAX
from conversations.views.api.base import ApiView
from conversations.views.api.pages import CursorParameters, page_response
from conversations.views.bodies import parameters, request_body
from conversations.views.bodies.fields import ListField, TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response
from conversations.views.http.thread_shares import Share


class IntentChangeSerializer(serializers.Serializer[Any]):
    name = TextField(required=False, allow_null=True)
    description = TextField(
        most=DESCRIPTION_MAX_CHARS, required=False, allow_null=True, help_text="A model that decides is shown it."
    )
    examples = ListField(
        child=TextField(most=EXAMPLE_MAX_CHARS),
        most=EXAMPLES_MAX,
        required=False,
        allow_null=True,
        help_text="Questions that satisfy it. One of them satisfies it without any model being asked.",
    )


class IntentCreateSerializer(IntentChangeSerializer):
    name = TextField()


LIST, CREATE, CHANGE = CursorParameters(), IntentCreateSerializer(), IntentChangeSerializer()


class IntentListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            intent_queries.page, account_id=caller.account_id, cursor=wanted.get("cursor"), limit=wanted["limit"]
        )
        return page_response(request, page, serializer=INTENT_PAGE)

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CREATE, caller=caller)
        await self.admit_again(request)
        create = partial(intents.create, account_id=caller.account_id, given=given)
        made = await threadpool.call_in_share(Share(caller.account_id, ""), create)
        return json_response(INTENT.to_representation(made), status=201)


class IntentDetailView(ApiView):
    async def get(self, request: HttpRequest, intent_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        found = await threadpool.call(intent_queries.for_account, account_id=caller.account_id, intent_id=intent_id)
        return json_response(INTENT.to_representation(found))

    async def patch(self, request: HttpRequest, intent_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CHANGE, caller=caller)
        await self.admit_again(request)
        change = partial(intents.change, account_id=caller.account_id, intent_id=intent_id, given=given)
        changed = await threadpool.call_in_share(Share(caller.account_id, ""), change)
        return json_response(INTENT.to_representation(changed))

    async def delete(self, request: HttpRequest, intent_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        delete = partial(intents.delete, account_id=caller.account_id, intent_id=intent_id)
        await threadpool.call_in_share(Share(caller.account_id, ""), delete)
        return json_response(DELETED_INTENT.to_representation({"id": intent_id}))
