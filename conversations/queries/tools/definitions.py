"""Tools as they are called: from rows to definitions, with their headers decrypted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from conversations import encryption
from conversations.errors import InvalidRequest
from conversations.models import McpServer, Tool
from conversations.tools import declarations
from conversations.values.tools import ArgumentsIn, HttpEndpoint, McpEndpoint, ToolDefinition

# What a server listed is used so long before it is asked again.
LISTED_FOR = timedelta(hours=1)
# As many as OpenAI takes in one request: a vendor would refuse the whole question.
TOOLS_MAX = 128
UNDECRYPTABLE = "the headers of {id} have to be given again: they were encrypted with a SECRET_KEY that is gone"


@dataclass(frozen=True, slots=True)
class Found:
    """`unlisted`: MCP servers among them that should be asked for their tools first."""

    tools: tuple[ToolDefinition, ...]
    unlisted: tuple[McpServer, ...] = ()


def load(*, account_id: int, ids: Sequence[str], param: str, now: datetime, goes_on: bool = False) -> Found:
    """The tools of these ids, and those of the MCP servers among them, under unique names and in the order given.

    Raises InvalidRequest naming `param` for an id that the account does not have, or that is disabled, and for more
    tools than a model takes. `goes_on`: for a run that has begun with them, which goes on without those.
    """
    http = {tool.public_id: tool for tool in Tool.objects.for_account(account_id).filter(public_id__in=ids)}
    servers = {one.public_id: one for one in McpServer.objects.for_account(account_id).filter(public_id__in=ids)}
    tools: list[ToolDefinition] = []
    unlisted = []
    for public_id in dict.fromkeys(ids):
        try:
            row = _usable(http.get(public_id) or servers.get(public_id), public_id, param)
            tools += [of_tool(row)] if isinstance(row, Tool) else of_server(row)
        except InvalidRequest:
            if not goes_on:
                raise
            continue
        if isinstance(row, McpServer) and (row.listed_at is None or row.listed_at < now - LISTED_FOR):
            unlisted.append(row)
    if len(tools) > TOOLS_MAX and not goes_on:
        raise InvalidRequest(f"{param}: they are {len(tools)} tools together, of at most {TOOLS_MAX}", param=param)
    return Found(declarations.named(tools[:TOOLS_MAX]), tuple(unlisted))


def _usable(row: Tool | McpServer | None, public_id: str, param: str) -> Tool | McpServer:
    """Raises InvalidRequest."""
    if row is None:
        raise InvalidRequest(f"{param}: there is no {public_id[:50]!r}", param=param)
    if not row.is_enabled:
        raise InvalidRequest(f"{param}: {public_id} is disabled", param=param)
    return row


def of_tool(tool: Tool) -> ToolDefinition:
    """Raises InvalidRequest when its headers cannot be decrypted."""
    return ToolDefinition(
        account_id=tool.account_id,
        id=tool.public_id,
        name=tool.name,
        description=tool.description,
        parameters=tool.parameters,
        endpoint=HttpEndpoint(tool.method, tool.url, ArgumentsIn(tool.arguments_in), _headers(tool)),
        is_idempotent=tool.is_idempotent,
        needs_approval=tool.needs_approval,
        timeout_seconds=tool.timeout_seconds,
    )


def of_server(server: McpServer) -> list[ToolDefinition]:
    """Those that it listed. Raises InvalidRequest when its headers cannot be decrypted."""
    headers = _headers(server)
    return [
        ToolDefinition(
            account_id=server.account_id,
            id=server.public_id,
            name=listed["name"],
            description=listed["description"],
            parameters=listed["parameters"],
            endpoint=McpEndpoint(server.url, listed["name"], headers),
            is_idempotent=listed["is_idempotent"],
            needs_approval=server.needs_approval,
            timeout_seconds=server.timeout_seconds,
        )
        for listed in server.tools
    ]


def endpoint(server: McpServer) -> McpEndpoint:
    """The server itself, to be asked what it has. Raises InvalidRequest when its headers cannot be decrypted."""
    return McpEndpoint(server.url, "", _headers(server))


def _headers(row: Tool | McpServer) -> Mapping[str, str]:
    if not row.encrypted_headers:
        return {}
    try:
        headers: Mapping[str, str] = orjson.loads(encryption.decrypt(row.encrypted_headers))
    except encryption.Undecryptable as exc:
        raise InvalidRequest(UNDECRYPTABLE.format(id=row.public_id), param="headers") from exc
    return headers
