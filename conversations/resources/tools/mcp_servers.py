"""MCP server: its JSON in `/api/v1/mcp_servers`."""

from typing import Any

from rest_framework import serializers

from conversations.models import McpServer
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField


class ListedMcpServerSerializer(serializers.Serializer[McpServer]):
    """A source of tools. The values of its headers are never shown."""

    id = serializers.CharField(source="public_id")
    object = ConstantField("mcp_server")
    name = serializers.CharField()
    url = serializers.CharField()
    header_names = serializers.ListField(child=serializers.CharField())
    needs_approval = serializers.BooleanField(help_text="Of every call of its tools.")
    timeout_seconds = serializers.IntegerField(min_value=1)
    enabled = serializers.BooleanField(source="is_enabled")
    listed_at = UtcTimeField(allow_null=True, help_text="When it listed its tools; null before it did.")
    left_out = serializers.IntegerField(min_value=0, help_text="Of its tools, how many cannot be offered to models.")
    problem = MethodField(serializers.CharField(allow_null=True, help_text="Why it could not be asked last."))
    created_at = UtcTimeField()
    changed_at = UtcTimeField()

    def get_problem(self, server: McpServer) -> str | None:
        return server.problem or None


class McpToolSerializer(serializers.Serializer[Any]):
    """A tool as its server describes it."""

    name = serializers.CharField()
    description = serializers.CharField()
    parameters = serializers.DictField()
    idempotent = serializers.BooleanField(source="is_idempotent")


class McpServerSerializer(ListedMcpServerSerializer):
    """A source of tools, with those that it listed. The values of its headers are never shown."""

    tools = McpToolSerializer(many=True)


class McpServerPageSerializer(serializers.Serializer[Any]):
    """All servers at once, for they are few, without their tools; `next` is always null."""

    results = ListedMcpServerSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DeletedMcpServerSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = ConstantField("mcp_server")
    deleted = ConstantField(True)


MCP_SERVER, MCP_SERVER_PAGE = McpServerSerializer(), McpServerPageSerializer()
DELETED_MCP_SERVER = DeletedMcpServerSerializer()
