"""An account's tools as actions, each by itself: HTTP tools by their ids, those of MCP servers by server and name."""

from conversations.errors import InvalidRequest, NotFound
from conversations.models import McpServer, Tool
from conversations.queries.tools import definitions, mcp_servers, tools
from conversations.values.tools import ToolDefinition

# Between the id of a server and the name that it has for a tool. No public id has one.
SEPARATOR = "."


def action_id(tool: ToolDefinition) -> str:
    return id_of(tool.id, tool.remote_name)


def id_of(public_id: str, remote_name: str) -> str:
    return f"{public_id}{SEPARATOR}{remote_name}" if remote_name else public_id


def of_account(*, account_id: int) -> list[ToolDefinition]:
    """Those that are enabled and can be called, HTTP tools first, the oldest first."""
    found: list[ToolDefinition] = []
    servers = McpServer.objects.for_account(account_id).order_by("pk")
    rows: list[Tool | McpServer] = [*tools.of_account(account_id=account_id), *servers]
    for row in rows:
        try:
            found += _defined(row) if row.is_enabled else ()
        except InvalidRequest:
            # Its headers have to be given again.
            continue
    return found


def get(*, account_id: int, action: str) -> ToolDefinition:
    """Raises NotFound for an id that the account does not have, and InvalidRequest for a tool that cannot be called."""
    public_id, separator, remote_name = action.partition(SEPARATOR)
    row: Tool | McpServer = (
        mcp_servers.for_account(account_id=account_id, server_id=public_id)
        if separator
        else tools.for_account(account_id=account_id, tool_id=public_id)
    )
    found = next((tool for tool in _defined(row) if tool.remote_name == remote_name), None)
    if found is None:
        raise NotFound("tool not found")
    if not row.is_enabled:
        raise InvalidRequest("action_id: the tool is disabled", param="action_id")
    if found.needs_approval:
        raise InvalidRequest("action_id: calls of the tool have to be approved", param="action_id")
    return found


def _defined(row: Tool | McpServer) -> list[ToolDefinition]:
    return [definitions.of_tool(row)] if isinstance(row, Tool) else definitions.of_server(row)
