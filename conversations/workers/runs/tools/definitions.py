"""The tools that a run's model may call, as they are now."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from django.db import connection

from conversations.errors import NotFound
from conversations.models import McpServer
from conversations.queries.tools import definitions
from conversations.services.tools import mcp_servers
from conversations.values.tools import Listing, ToolDefinition
from conversations.workers.runs.process import RunHandle
from conversations.workers.runs.tools import calls
from conversations.workers.runs.tools.room import ToolRoom

# A server that cannot be asked delays every run that names it, until it can be.
LIST_SECONDS = 10.0


def of_run(
    *, account_id: int, ids: Sequence[str], param: str, room: ToolRoom, handle: RunHandle, goes_on: bool = False
) -> tuple[ToolDefinition, ...]:
    """Raises CallAborted, and InvalidRequest that names a tool which is not there any more, or is disabled.

    `goes_on`: the run has called them already, and goes on with those that are left.
    """
    try:
        load = partial(definitions.load, account_id=account_id, ids=ids, param=param, goes_on=goes_on)
        found = load(now=datetime.now(UTC))
        if not found.unlisted:
            return found.tools
        connection.close()
        _ask_again(found.unlisted, room, handle)
        return load(now=datetime.now(UTC)).tools
    finally:
        # None is held while the model answers.
        connection.close()


def _ask_again(servers: Sequence[McpServer], room: ToolRoom, handle: RunHandle) -> None:
    """All at once. One that cannot be asked keeps the tools that it listed before."""
    asking = [(server, room.threads.begin(server.account_id, partial(_listed, server, room))) for server in servers]
    for server, future in asking:
        listing = calls.awaited(future, handle)
        if listing is not None:
            # Of one that was deleted meanwhile there is nothing to note.
            with suppress(NotFound):
                mcp_servers.note_listing(server=server, listing=listing)
            connection.close()


def _listed(server: McpServer, room: ToolRoom) -> Listing:
    endpoint = definitions.endpoint(server)
    return room.callers.list_tools(endpoint, account_id=server.account_id, seconds=LIST_SECONDS)
