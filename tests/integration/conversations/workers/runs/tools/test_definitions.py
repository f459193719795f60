"""The tools of a run: MCP servers that have not listed theirs are asked all at once."""

from threading import Barrier

import pytest

from conversations.models import Account
from conversations.shares import SharedThreads
from conversations.tools.callers import Callers
from conversations.values.tools import ListedTool, Listing, McpEndpoint
from conversations.workers.runs.process import RunHandle
from conversations.workers.runs.tools import definitions
from conversations.workers.runs.tools.room import ToolRoom
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 30.0


class Meeting(Callers):
    """Servers each of which answers only once all of them are asked."""

    def __init__(self, count: int) -> None:
        super().__init__(allow=(), at_once=1)
        self._all = Barrier(count)

    def list_tools(self, endpoint: McpEndpoint, *, account_id: int, seconds: float) -> Listing:
        self._all.wait(PATIENCE_SECONDS)
        return Listing((ListedTool(f"of_{endpoint.url[-1]}", "", {"type": "object"}),))


def test_servers_are_asked_at_once(ann: Account) -> None:
    servers = [builders.tools.mcp_server(ann, f"s{n}", url=f"https://mcp.example/{n}") for n in range(3)]

    found = definitions.of_run(
        account_id=ann.pk,
        ids=[server.public_id for server in servers],
        param="tools",
        room=ToolRoom(Meeting(3), SharedThreads(8, name="tool-call")),
        handle=RunHandle(run_id=1, deadline=float("inf")),
    )

    assert [tool.name for tool in found] == ["of_0", "of_1", "of_2"]
