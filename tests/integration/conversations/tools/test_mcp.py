"""Tools of a real MCP server."""

import pytest

from conversations.outbound.addresses import ranges
from conversations.tools.callers import Callers
from conversations.values.tools import McpEndpoint
from tests.fakes.mcp_server import SECRET, McpServer
from tests.integration.conversations.tools.conftest import ACCOUNT, OPEN, mcp_tool
from tests.unit.conversations.outbound.answers import Resolver


def test_its_tools_are_listed(callers: Callers, mcp_server: McpServer) -> None:
    listing = callers.list_tools(McpEndpoint(mcp_server.url, ""), account_id=ACCOUNT, seconds=30)

    assert (listing.problem, listing.left_out) == ("", 0)
    assert [tool.name for tool in listing.tools] == ["add", "fail", "picture"]
    assert listing.tools[0].description == "Adds two numbers."
    assert listing.tools[0].parameters["required"] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("add", {"a": 2, "b": 3}, ("5", False)),
        ("picture", {}, ("[image, image/png, 104 bytes: it is no text, and not shown]", False)),
        ("fail", {}, ("Error executing tool fail", True)),
        ("nothing", {}, ("Unknown tool: nothing", True)),
    ],
)
def test_they_are_called(
    callers: Callers, mcp_server: McpServer, name: str, arguments: dict[str, int], expected: tuple[str, bool]
) -> None:
    outcome = callers.call(mcp_tool(mcp_server.url, name), arguments, seconds=30)

    assert (outcome.text, outcome.is_error) == expected
    assert (outcome.status, outcome.is_cut) == (None, False)


def test_its_headers_are_sent_with_every_request(callers: Callers, mcp_server: McpServer) -> None:
    mcp_server.authorizations.clear()
    tool = mcp_tool(mcp_server.url, "add", headers={"Authorization": SECRET})

    outcome = callers.call(tool, {"a": 1, "b": 1}, seconds=30)

    assert outcome.text == "2"
    assert {*mcp_server.authorizations} == {SECRET}
    assert "secret" not in repr(tool) + repr(outcome)


def test_arguments_that_its_schema_refuses_are_not_sent(callers: Callers, mcp_server: McpServer) -> None:
    mcp_server.authorizations.clear()
    tool = mcp_tool(mcp_server.url, "add", parameters={"properties": {"a": {"type": "integer"}}})

    outcome = callers.call(tool, {"a": "1"}, seconds=30)

    assert outcome.text == 'The tool was not called. a: "1" is not of type "integer"'
    assert mcp_server.authorizations == []


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]"])
def test_no_private_address_is_reached(callers: Callers, host: str) -> None:
    listing = callers.list_tools(McpEndpoint(f"http://{host}/mcp", ""), account_id=ACCOUNT, seconds=30)

    assert listing.problem == "the URL leads to an address that is not public"


def test_a_name_is_judged_each_time_it_is_connected_to(mcp_server: McpServer) -> None:
    # The first answer is good enough for the handshake alone.
    changing = Resolver([OPEN], ["169.254.169.254"])
    callers = Callers(allow=ranges([OPEN]), at_once=1, lookup=changing)
    port = mcp_server.url.rpartition(":")[2]

    outcome = callers.call(mcp_tool(f"http://mcp.example:{port}", "add"), {"a": 1, "b": 1}, seconds=30)

    assert outcome.text == "The tool failed: the URL leads to an address that is not public."
    assert len(changing.asked) == 2


def test_a_server_that_is_not_there_is_told(callers: Callers) -> None:
    outcome = callers.call(mcp_tool("http://127.0.0.1:9/mcp", "add"), {}, seconds=30)

    assert (outcome.text, outcome.is_error) == ("The tool failed: the server cannot be reached.", True)
