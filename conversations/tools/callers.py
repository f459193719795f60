"""One caller for all kinds of tools. It checks a call's arguments before anything is sent."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from conversations.outbound import http
from conversations.outbound.addresses import Network
from conversations.outbound.lookups import Lookup, system_lookup
from conversations.tools import results, schemas
from conversations.tools.http import HttpCaller
from conversations.values.tools import Listing, McpEndpoint, ToolDefinition, ToolOutcome

if TYPE_CHECKING:
    from conversations.tools.mcp import McpClient

NO_MCP = "MCP servers cannot be asked here: the extra mcp is not installed"


class Callers:
    """For a whole process; `at_once` is how many calls it makes at the same time at most."""

    def __init__(self, *, allow: Sequence[Network], at_once: int, lookup: Lookup = system_lookup) -> None:
        self._allow = allow
        self._lookup = lookup
        self._http = HttpCaller(http.open_client(allow=allow, max_connections=at_once, lookup=lookup))

    def call(
        self,
        tool: ToolDefinition,
        arguments: Mapping[str, Any],
        *,
        seconds: float,
        max_bytes: int = results.RESULT_BYTES,
    ) -> ToolOutcome:
        """The outcome within `seconds`; its text has at most `max_bytes` and the mark that it was cut.

        Never raises for what the outside does.
        """
        if problem := schemas.problem(tool.parameters, arguments):
            return ToolOutcome(f"The tool was not called. {problem}", is_error=True)
        bounds: Any = {
            "account_id": tool.account_id,
            "seconds": min(seconds, tool.timeout_seconds),
            "max_bytes": max_bytes,
        }
        if not isinstance(tool.endpoint, McpEndpoint):
            return self._http.call(tool.endpoint, arguments, **bounds)
        if not has_mcp():
            return ToolOutcome(f"{NO_MCP}.", is_error=True)
        return self._mcp.call(tool.endpoint, arguments, **bounds)

    def list_tools(self, endpoint: McpEndpoint, *, account_id: int, seconds: float) -> Listing:
        """What the server lists, or why it cannot be asked."""
        if not has_mcp():
            return Listing(problem=NO_MCP)
        return self._mcp.list_tools(endpoint, account_id=account_id, seconds=seconds)

    @cached_property
    def _mcp(self) -> "McpClient":
        # Imported with the first server that is asked: 55 MB, and most processes never need it.
        module = import_module("conversations.tools.mcp")
        client: McpClient = module.McpClient(allow=self._allow, lookup=self._lookup)
        return client


def has_mcp() -> bool:
    return find_spec("mcp") is not None
