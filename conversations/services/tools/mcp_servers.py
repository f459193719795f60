"""MCP servers: made, changed and deleted; and what they list is kept."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db.models.functions import Now

from conversations.models import McpServer
from conversations.models.tools.mcp_servers import PROBLEM_MAX_CHARS
from conversations.queries.tools import mcp_servers as server_queries
from conversations.services.accounts.quotas import Quota
from conversations.services.tools import headers as tool_headers
from conversations.services.tools import rows
from conversations.services.tools.rows import Fields
from conversations.values.tools import Listing

# What was listed by the server at the address before, or as somebody else.
NOT_LISTED: Mapping[str, Any] = {"tools": [], "left_out": 0, "listed_at": None, "problem": ""}
PLAIN_FIELDS = ("name", "url", "needs_approval", "timeout_seconds", "is_enabled")


def create(*, account_id: int, fields: Fields) -> McpServer:
    """It is asked for its tools later. Raises InvalidRequest, also without a name or a URL, and QuotaExceeded."""
    server = McpServer(account_id=account_id, header_names=[])
    _apply(server, fields)
    rows.insert(server, quota=Quota.MCP_SERVERS)
    return server_queries.for_account(account_id=account_id, server_id=server.public_id)


def change(*, account_id: int, server_id: str, fields: Fields) -> McpServer:
    """With another URL or other headers it has no tools until it is asked again. Raises NotFound and InvalidRequest."""
    rows.change(McpServer, account_id=account_id, public_id=server_id, fields=fields, apply=_apply)
    return server_queries.for_account(account_id=account_id, server_id=server_id)


def note_listing(*, server: McpServer, listing: Listing) -> McpServer:
    """Keeps what the server listed, or why it could not be asked; then the tools listed before stay.

    `server` is the row as it was asked. One that was changed meanwhile is left as it is. Raises NotFound.
    """
    asked = McpServer.objects.for_account(server.account_id).filter(pk=server.pk, changed_at=server.changed_at)
    if listing.problem:
        asked.update(problem=listing.problem[:PROBLEM_MAX_CHARS])
    else:
        tools = [asdict(tool) for tool in listing.tools]
        asked.update(tools=tools, left_out=listing.left_out, listed_at=Now(), problem="")
    return server_queries.for_account(account_id=server.account_id, server_id=server.public_id)


def set_enabled(*, server_ids: list[int], is_enabled: bool) -> int:
    return rows.set_enabled(McpServer, keys=server_ids, is_enabled=is_enabled)


def delete(*, account_id: int, server_id: str) -> None:
    """With its headers and its tools. Raises NotFound."""
    rows.delete(McpServer, account_id=account_id, public_id=server_id)


def _apply(server: McpServer, fields: Fields) -> list[str]:
    """Sets what is given; the names of the columns. Raises InvalidRequest."""
    rows.check(fields)
    values = {name: value for name in PLAIN_FIELDS if (value := getattr(fields, name)) is not None}
    if fields.headers is not None:
        values |= tool_headers.sealed(fields.headers)
    if fields.url is not None or fields.headers is not None:
        values |= NOT_LISTED
    for name, value in values.items():
        setattr(server, name, value)
    return list(values)
