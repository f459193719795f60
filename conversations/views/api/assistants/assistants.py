"""`/api/v1/assistants`: what an account answers with."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.models.assistants.assistants import (
    FALLBACK_MAX_CHARS,
    GREETING_MAX_CHARS,
    HISTORY_MOST,
    PROMPT_MAX_CHARS,
)
from conversations.queries.assistants import assistants as assistant_queries
from conversations.resources.assistants import ASSISTANT, ASSISTANT_PAGE, DELETED_ASSISTANT
from conversations.services.assistants import assistants
from conversations.services.assistants.fields import ID_MAX_CHARS, LISTS
from conversations.values.assistants import AssistantKind, FallbackHandler
from conversations.views.api.base import ApiView
from conversations.views.api.pages import CursorParameters, page_response
from conversations.views.bodies import parameters, request_body
from conversations.views.bodies.fields import IntegerField, ListField, ObjectField, StrictFlagField, TextField
from conversations.views.bodies.parameters import WholeNumberField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response
from conversations.views.http.thread_shares import Share

VERSION_MAX = 2**31 - 1
DEFAULT, CONTEXT = "default", "context"


def _ids_field(name: str, help_text: str) -> ListField:
    return ListField(
        child=TextField(most=ID_MAX_CHARS), most=LISTS[name], required=False, allow_null=True, help_text=help_text
    )


class AssistantChangeSerializer(serializers.Serializer[Any]):
    """What is null stays as it is, but for `history_most`."""

    name = TextField(required=False, allow_null=True)
    kind = TextField(required=False, allow_null=True, help_text=", ".join(AssistantKind))
    model = TextField(required=False, allow_null=True, help_text="Empty: that of the setting DEFAULT_MODEL.")
    prompt = TextField(
        most=PROMPT_MAX_CHARS,
        required=False,
        allow_null=True,
        help_text="The name of a preset, whose newest version is used, or a system prompt.",
    )
    options = ObjectField(required=False, allow_null=True, help_text='Generation options, as {"temperature": 0.2}.')
    history_most = IntegerField(
        least=0,
        most=HISTORY_MOST,
        required=False,
        allow_null=True,
        help_text="How many earlier messages its model is shown; null: as many as fit.",
    )
    knowledge = _ids_field("knowledge", "Ids of knowledge bases. None for the kind dialogue.")
    tools = _ids_field("tools", "Ids of tools and MCP servers. Only for the kind tool.")
    intents = _ids_field("intents", "Ids of intents.")
    search = StrictFlagField(required=False, allow_null=True, help_text="It searches the web before each answer.")
    fallback = TextField(
        required=False,
        allow_null=True,
        help_text=f"What happens when its knowledge holds nothing that fits: {', '.join(FallbackHandler)}.",
    )
    fallback_text = TextField(
        most=FALLBACK_MAX_CHARS, required=False, allow_null=True, help_text="The whole answer of the fallback fix."
    )
    decodes_base64 = StrictFlagField(required=False, allow_null=True)
    greeting = TextField(most=GREETING_MAX_CHARS, required=False, allow_null=True)
    requires_token = StrictFlagField(
        required=False, allow_null=True, help_text="Only client tokens may ask it in the name of a visitor."
    )
    context = StrictFlagField(  # type: ignore[assignment] # DRF takes it out of the class
        required=False, allow_null=True, help_text="It remembers what a visitor said before."
    )
    default = StrictFlagField(
        required=False, allow_null=True, help_text="true: it answers the account's requests that name none."
    )


class AssistantCreateSerializer(AssistantChangeSerializer):
    name = TextField()


class AssistantParameters(serializers.Serializer[Any]):
    version = WholeNumberField(least=1, most=VERSION_MAX, required=False, help_text="As it was then.")


TEXTS_MAX_CHARS = PROMPT_MAX_CHARS + FALLBACK_MAX_CHARS + GREETING_MAX_CHARS
LIST, DETAIL = CursorParameters(), AssistantParameters()
CREATE, CHANGE = AssistantCreateSerializer(), AssistantChangeSerializer()


class AssistantListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            assistant_queries.page, account_id=caller.account_id, cursor=wanted.get("cursor"), limit=wanted["limit"]
        )
        return page_response(request, page, serializer=ASSISTANT_PAGE)

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CREATE, caller=caller, chars=TEXTS_MAX_CHARS)
        await self.admit_again(request)
        create = partial(
            assistants.create,
            account_id=caller.account_id,
            given=_columns(given),
            is_default=given.get(DEFAULT, False),
            allowed_models=caller.models,
        )
        made = await threadpool.call_in_share(Share(caller.account_id, ""), create)
        return json_response(ASSISTANT.to_representation(made), status=201)


class AssistantDetailView(ApiView):
    async def get(self, request: HttpRequest, assistant_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(DETAIL, request.GET.dict())
        found = await threadpool.call(
            assistant_queries.in_version,
            account_id=caller.account_id,
            assistant_id=assistant_id,
            number=wanted.get("version"),
        )
        return json_response(ASSISTANT.to_representation(found))

    async def patch(self, request: HttpRequest, assistant_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CHANGE, caller=caller, keep_null=True, chars=TEXTS_MAX_CHARS)
        await self.admit_again(request)
        change = partial(
            assistants.change,
            account_id=caller.account_id,
            assistant_id=assistant_id,
            given=_columns(given),
            is_default=given.get(DEFAULT),
            allowed_models=caller.models,
        )
        changed = await threadpool.call_in_share(Share(caller.account_id, ""), change)
        return json_response(ASSISTANT.to_representation(changed))

    async def delete(self, request: HttpRequest, assistant_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        delete = partial(assistants.delete, account_id=caller.account_id, assistant_id=assistant_id)
        await threadpool.call_in_share(Share(caller.account_id, ""), delete)
        return json_response(DELETED_ASSISTANT.to_representation({"id": assistant_id}))


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """Null is a value of `history_most` alone."""
    values = {name: value for name, value in given.items() if value is not None or name == "history_most"}
    values.pop(DEFAULT, None)
    return {"has_context" if name == CONTEXT else name: value for name, value in values.items()}
