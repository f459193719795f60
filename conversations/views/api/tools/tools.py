"""`/api/v1/tools`: the requests that an account lets models send."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.models import Tool
from conversations.models.tools.tools import DESCRIPTION_MAX_CHARS, TIMEOUT_MAX_SECONDS
from conversations.queries.tools import definitions
from conversations.queries.tools import tools as tool_queries
from conversations.resources.tools.tools import DELETED_TOOL, TOOL, TOOL_PAGE
from conversations.resources.tools.trials import TOOL_TRIAL
from conversations.services.tools import tools
from conversations.services.tools.tools import ToolFields
from conversations.values.tools import ArgumentsIn, ToolDefinition
from conversations.views import tool_calls
from conversations.views.api.base import ApiView
from conversations.views.api.tools import fields as request_fields
from conversations.views.bodies import request_body
from conversations.views.bodies.fields import HeadersField, IntegerField, ObjectField, StrictFlagField, TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response


class ToolChangeSerializer(serializers.Serializer[Any]):
    name = TextField(required=False, allow_null=True)
    description = TextField(most=DESCRIPTION_MAX_CHARS, required=False, allow_null=True)
    parameters = ObjectField(required=False, allow_null=True, help_text="A JSON Schema of an object.")
    method = TextField(required=False, allow_null=True, help_text=", ".join(Tool.Method.values))
    url = TextField(required=False, allow_null=True, help_text="{name} is the place of that argument.")
    arguments_in = TextField(required=False, allow_null=True, help_text=", ".join(ArgumentsIn))
    headers = HeadersField(required=False, allow_null=True)
    idempotent = StrictFlagField(required=False, allow_null=True)
    needs_approval = StrictFlagField(required=False, allow_null=True)
    timeout_seconds = IntegerField(least=1, most=TIMEOUT_MAX_SECONDS, required=False, allow_null=True)
    enabled = StrictFlagField(required=False, allow_null=True)


class ToolCreateSerializer(ToolChangeSerializer):
    name = TextField()
    url = TextField(help_text="{name} is the place of that argument.")


class ToolTrySerializer(serializers.Serializer[Any]):
    arguments = ObjectField(required=False, allow_null=True)


CREATE, CHANGE, TRY = ToolCreateSerializer(), ToolChangeSerializer(), ToolTrySerializer()


class ToolListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        results = await threadpool.call(_all, account_id=caller.account_id)
        return json_response(TOOL_PAGE.to_representation({"results": results, "next": None}))

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CREATE, caller=caller)
        await self.admit_again(request)
        fields = ToolFields(**await request_fields.checked(given, caller))
        tool = await threadpool.call(tools.create, account_id=caller.account_id, fields=fields)
        return json_response(TOOL.to_representation(tool), status=201)


class ToolDetailView(ApiView):
    async def get(self, request: HttpRequest, tool_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        tool = await threadpool.call(tool_queries.for_account, account_id=caller.account_id, tool_id=tool_id)
        return json_response(TOOL.to_representation(tool))

    async def patch(self, request: HttpRequest, tool_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CHANGE, caller=caller)
        await self.admit_again(request)
        fields = ToolFields(**await request_fields.checked(given, caller))
        tool = await threadpool.call(tools.change, account_id=caller.account_id, tool_id=tool_id, fields=fields)
        return json_response(TOOL.to_representation(tool))

    async def delete(self, request: HttpRequest, tool_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        await threadpool.call(tools.delete, account_id=caller.account_id, tool_id=tool_id)
        return json_response(DELETED_TOOL.to_representation({"id": tool_id}))


class ToolTryView(ApiView):
    async def post(self, request: HttpRequest, tool_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, TRY, caller=caller, may_be_empty=True)
        await self.admit_again(request)
        tool = await threadpool.call(_definition, account_id=caller.account_id, tool_id=tool_id)
        arguments = given.get("arguments", {})
        outcome = await tool_calls.run(
            lambda callers: callers.call(
                tool, arguments, seconds=tool_calls.SECONDS, max_bytes=tool_calls.RESULT_BYTES
            ),
            account_id=caller.account_id,
        )
        return json_response(TOOL_TRIAL.to_representation(outcome))


def _all(*, account_id: int) -> list[Tool]:
    return list(tool_queries.of_account(account_id=account_id))


def _definition(*, account_id: int, tool_id: str) -> ToolDefinition:
    return definitions.of_tool(tool_queries.for_account(account_id=account_id, tool_id=tool_id))
