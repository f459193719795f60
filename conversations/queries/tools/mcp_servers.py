"""MCP servers for their owners."""

from django.db.models import QuerySet

from conversations.errors import NotFound
from conversations.models import McpServer


def of_account(*, account_id: int) -> QuerySet[McpServer]:
    """The oldest first, without what they list: that may be half a megabyte of each."""
    return McpServer.objects.for_account(account_id).defer("tools").order_by("pk")


def for_account(*, account_id: int, server_id: str) -> McpServer:
    """Raises NotFound when the account has no such server."""
    own = McpServer.objects.for_account(account_id)
    if (server := own.filter(public_id=server_id).first()) is None:
        raise NotFound("MCP server not found")
    return server
