"""MCP servers over streamable HTTP: what tools they list, and calls of them, each in a session of its own.

Only what has such a server to ask imports this module: the package `mcp` is an extra, and takes 55 MB. Its own
`call_tool` is not used: that checks results against schemas which the server chose, with regular expressions that may
take for ever.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import anyio
import mcp_types
from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from conversations.outbound import async_http, guard, lookups
from conversations.outbound.addresses import Network
from conversations.outbound.async_http import Budget
from conversations.outbound.errors import OutboundError
from conversations.outbound.lookups import Lookup, system_lookup
from conversations.tools import mcp_results, results
from conversations.values.tools import Listing, McpEndpoint, ToolOutcome

# Of all responses of a session together: one that calls a tool, which may show a picture, and one that lists tools, of
# which 512 kB are kept. To read these takes 0.1 s of CPU, in a web process.
CALL_BYTES = 4_000_000
LIST_BYTES = 1_000_000
# The handshake takes three, ending the session one.
REQUESTS = 32
PAGES = 20
# Of the time that a session may take, what is left for ending it.
END_SHARE = 0.1
PROBLEM_MAX_CHARS = 500

Answer = TypeVar("Answer")


class McpFailed(Exception):
    """`message` is fit for a customer; it may quote the server."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class McpClient:
    """Calls tools of MCP servers, and asks which they have."""

    def __init__(self, *, allow: Sequence[Network], lookup: Lookup = system_lookup) -> None:
        self._allow = allow
        self._lookup = lookup

    def call(
        self,
        endpoint: McpEndpoint,
        arguments: Mapping[str, Any],
        *,
        account_id: int,
        seconds: float,
        max_bytes: int,
    ) -> ToolOutcome:
        request = mcp_types.CallToolRequest(
            params=mcp_types.CallToolRequestParams(name=endpoint.remote_name, arguments=dict(arguments))
        )

        async def ask(session: ClientSession) -> tuple[str, bool]:
            result = await session.send_request(request, mcp_types.CallToolResult)
            return mcp_results.text(result), bool(result.is_error)

        began = time.monotonic()
        try:
            said, is_error = self._ask(endpoint, ask, CALL_BYTES, account_id=account_id, seconds=seconds)
        except McpFailed as exc:
            said, is_error = f"The tool failed: {exc.message}.", True
        text, is_cut = results.bounded(said, max_bytes=max_bytes)
        return ToolOutcome(text, is_error=is_error, seconds=time.monotonic() - began, is_cut=is_cut)

    def list_tools(self, endpoint: McpEndpoint, *, account_id: int, seconds: float) -> Listing:
        """Never raises for what the server does."""
        try:
            return self._ask(endpoint, _listed, LIST_BYTES, account_id=account_id, seconds=seconds)
        except McpFailed as exc:
            return Listing(problem=exc.message)

    def _ask(
        self,
        endpoint: McpEndpoint,
        ask: Callable[[ClientSession], Awaitable[Answer]],
        max_bytes: int,
        *,
        account_id: int,
        seconds: float,
    ) -> Answer:
        """Raises McpFailed."""
        budget = Budget(bytes_left=max_bytes, requests_left=REQUESTS)
        try:
            guard.cleaned(endpoint.url)
            with lookups.asked_for(account_id):
                return anyio.run(self._session, endpoint, ask, budget, seconds)
        except Exception as exc:
            raise McpFailed(_why(exc, budget.failure)) from exc

    async def _session(
        self, endpoint: McpEndpoint, ask: Callable[[ClientSession], Awaitable[Answer]], budget: Budget, seconds: float
    ) -> Answer:
        ends_at = anyio.current_time() + seconds * (1.0 - END_SHARE)
        # Kept beside the session: a server that never ends it costs no answer.
        answered: list[Answer] = []
        with anyio.move_on_after(seconds):
            async with async_http.open_client(
                allow=self._allow, lookup=self._lookup, headers=endpoint.headers, budget=budget
            ) as http_client:
                transport = streamable_http_client(endpoint.url, http_client=http_client, max_sse_event_size=CALL_BYTES)
                async with Client(transport, cache=None) as client:
                    with anyio.fail_after(ends_at - anyio.current_time()):
                        answered.append(await ask(client.session))
        if not answered:
            raise TimeoutError
        return answered[0]


async def _listed(session: ClientSession) -> Listing:
    found: list[mcp_types.Tool] = []
    cursor: str | None = None
    for _ in range(PAGES):
        params = mcp_types.PaginatedRequestParams(cursor=cursor) if cursor else None
        page = await session.list_tools(params=params)
        found += page.tools
        cursor = page.next_cursor
        if not cursor or len(found) > mcp_results.TOOLS_MAX:
            break
    return mcp_results.listing(found, is_complete=not cursor)


def _why(exc: Exception, refused: OutboundError | None) -> str:
    """The guard's own words first: the package reports what it was refused as a lost connection."""
    if refused is None:
        refused = next((cause for cause in _causes(exc) if isinstance(cause, OutboundError)), None)
    if refused is not None:
        return refused.message
    causes = list(_causes(exc))
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "the server took too long"
    if any(isinstance(cause, ValidationError) for cause in causes):
        return "the server's answer is not one that MCP allows"
    said = next((str(cause) for cause in causes if isinstance(cause, MCPError)), "")
    return mcp_results.plain(said, most=PROBLEM_MAX_CHARS) or "the server does not speak MCP"


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """The error, and the members of groups: the package works in groups of tasks."""
    yield exc
    for member in getattr(exc, "exceptions", ()):
        yield from _causes(member)
