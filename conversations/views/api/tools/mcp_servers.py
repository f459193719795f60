"""`/api/v1/mcp_servers`: the MCP servers that an account has tools from."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.models import McpServer
from conversations.models.tools.tools import TIMEOUT_MAX_SECONDS
from conversations.queries.tools import definitions
from conversations.queries.tools import mcp_servers as server_queries
from conversations.resources.tools.mcp_servers import DELETED_MCP_SERVER, MCP_SERVER, MCP_SERVER_PAGE
from conversations.services.tools import mcp_servers
from conversations.services.tools.rows import Fields
from conversations.values.tools import McpEndpoint
from conversations.views import tool_calls
from conversations.views.api.base import ApiView
from conversations.views.api.tools import fields as request_fields
from conversations.views.bodies import request_body
from conversations.views.bodies.fields import HeadersField, IntegerField, StrictFlagField, TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response


class McpServerChangeSerializer(serializers.Serializer[Any]):
    name = TextField(required=False, allow_null=True)
    url = TextField(required=False, allow_null=True)
    headers = HeadersField(required=False, allow_null=True)
    needs_approval = StrictFlagField(required=False, allow_null=True)
    timeout_seconds = IntegerField(least=1, most=TIMEOUT_MAX_SECONDS, required=False, allow_null=True)
    enabled = StrictFlagField(required=False, allow_null=True)


class McpServerCreateSerializer(McpServerChangeSerializer):
    name = TextField()
    url = TextField()


CREATE, CHANGE = McpServerCreateSerializer(), McpServerChangeSerializer()


class McpServerListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        results = await threadpool.call(_all, account_id=caller.account_id)
        return json_response(MCP_SERVER_PAGE.to_representation({"results": results, "next": None}))

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CREATE, caller=caller)
        await self.admit_again(request)
        fields = Fields(**await request_fields.checked(given, caller))
        server = await threadpool.call(mcp_servers.create, account_id=caller.account_id, fields=fields)
        return json_response(MCP_SERVER.to_representation(server), status=201)


class McpServerDetailView(ApiView):
    async def get(self, request: HttpRequest, server_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        server = await threadpool.call(server_queries.for_account, account_id=caller.account_id, server_id=server_id)
        return json_response(MCP_SERVER.to_representation(server))

    async def patch(self, request: HttpRequest, server_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        given = await request_body.read_fields(request, CHANGE, caller=caller)
        await self.admit_again(request)
        fields = Fields(**await request_fields.checked(given, caller))
        server = await threadpool.call(
            mcp_servers.change, account_id=caller.account_id, server_id=server_id, fields=fields
        )
        return json_response(MCP_SERVER.to_representation(server))

    async def delete(self, request: HttpRequest, server_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        await threadpool.call(mcp_servers.delete, account_id=caller.account_id, server_id=server_id)
        return json_response(DELETED_MCP_SERVER.to_representation({"id": server_id}))


class McpServerRefreshView(ApiView):
    async def post(self, request: HttpRequest, server_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        server, endpoint = await threadpool.call(_asked, account_id=caller.account_id, server_id=server_id)
        seconds = min(tool_calls.SECONDS, server.timeout_seconds)
        listing = await tool_calls.run(
            lambda callers: callers.list_tools(endpoint, account_id=caller.account_id, seconds=seconds),
            account_id=caller.account_id,
        )
        server = await threadpool.call(mcp_servers.note_listing, server=server, listing=listing)
        return json_response(MCP_SERVER.to_representation(server))


def _all(*, account_id: int) -> list[McpServer]:
    return list(server_queries.of_account(account_id=account_id))


def _asked(*, account_id: int, server_id: str) -> tuple[McpServer, McpEndpoint]:
    server = server_queries.for_account(account_id=account_id, server_id=server_id)
    return server, definitions.endpoint(server)
