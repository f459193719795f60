"""`/api/v1/mcp_servers` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.resources.tools.mcp_servers import (
    DeletedMcpServerSerializer,
    McpServerPageSerializer,
    McpServerSerializer,
)
from conversations.views.api.tools import mcp_servers
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON, OF_ONE, WITH_BODY, WITHOUT_ID, one

describe_view(
    mcp_servers.McpServerListView,
    get=extend_schema(
        operation_id="mcp_servers_list",
        tags=["tools"],
        summary="Your MCP servers",
        responses=one(McpServerPageSerializer, "All of them, without their tools.", WITHOUT_ID),
    ),
    post=extend_schema(
        operation_id="mcp_servers_create",
        tags=["tools"],
        summary="Add an MCP server",
        description="It has no tools until it was asked for them: see `refresh`.",
        request={JSON: mcp_servers.McpServerCreateSerializer},
        responses=one(McpServerSerializer, "The server.", WITH_BODY, status=201),
    ),
)
describe_view(
    mcp_servers.McpServerDetailView,
    get=extend_schema(
        operation_id="mcp_servers_get",
        tags=["tools"],
        summary="One MCP server, with its tools",
        responses=one(McpServerSerializer, "The server.", OF_ONE),
    ),
    patch=extend_schema(
        operation_id="mcp_servers_change",
        tags=["tools"],
        summary="Change an MCP server",
        description="`headers` replace all that there were. With a URL of another server they must be given again. "
        "With another URL or other headers it has no tools until it was asked again.",
        request={JSON: mcp_servers.McpServerChangeSerializer},
        responses=one(McpServerSerializer, "The server as it is now.", WITH_BODY),
    ),
    delete=extend_schema(
        operation_id="mcp_servers_delete",
        tags=["tools"],
        summary="Remove an MCP server",
        responses=one(DeletedMcpServerSerializer, "It is gone.", OF_ONE),
    ),
)
describe_view(
    mcp_servers.McpServerRefreshView,
    post=extend_schema(
        operation_id="mcp_servers_refresh",
        tags=["tools"],
        summary="Ask an MCP server which tools it has",
        description="When it cannot be asked, `problem` says why, and the tools that it listed before stay.",
        request=None,
        responses=one(McpServerSerializer, "The server, with its tools.", OF_ONE),
    ),
)
