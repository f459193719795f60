"""Journey: MCP servers over the API, with a real one behind it."""

from collections.abc import Iterator

import pytest

from tests.fakes.mcp_server import SECRET, McpServer, ScriptedMcpServer, answers
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.webhooks import call
from tests.journeys.rows import Rows
from tests.journeys.service import Service


@pytest.fixture(scope="module")
def server() -> Iterator[McpServer]:
    with McpServer() as running:
        yield running


def test_a_server_is_added_asked_and_removed(new_api: Api, server: McpServer) -> None:
    body = {"name": "numbers", "url": server.url, "headers": {"Authorization": SECRET}, "needs_approval": True}

    made = call(new_api, "POST", "mcp_servers", status=201, json=body)
    asked = call(new_api, "POST", f"mcp_servers/{made['id']}/refresh")
    listed = call(new_api, "GET", "mcp_servers")
    removed = call(new_api, "DELETE", f"mcp_servers/{made['id']}")

    assert made["id"].startswith("mcp_")
    assert (made["tools"], made["listed_at"], made["header_names"]) == ([], None, ["Authorization"])
    assert [tool["name"] for tool in asked["tools"]] == ["add", "fail", "picture"]
    assert asked["tools"][0]["parameters"]["required"] == ["a", "b"]
    assert (asked["problem"], asked["left_out"], asked["needs_approval"]) == (None, 0, True)
    assert SECRET in server.authorizations
    assert [one["id"] for one in listed["results"]] == [made["id"]]
    assert "tools" not in listed["results"][0]
    assert removed == {"id": made["id"], "object": "mcp_server", "deleted": True}
    assert SECRET not in f"{made} {asked} {listed}"


def test_a_secret_is_in_no_row_and_no_log(service: Service, new_api: Api, server: McpServer, rows: Rows) -> None:
    body = {"name": "numbers", "url": server.url, "headers": {"Authorization": SECRET}}

    made = call(new_api, "POST", "mcp_servers", status=201, json=body)
    call(new_api, "POST", f"mcp_servers/{made['id']}/refresh")

    assert rows.all("SELECT public_id FROM conversations_mcpserver s WHERE s::text LIKE %s", f"%{SECRET}%") == []
    assert SECRET not in service.log


def test_what_it_listed_stays_when_it_cannot_be_asked(new_api: Api) -> None:
    tool = {"name": "read\u0000", "inputSchema": {"type": "object"}}
    with ScriptedMcpServer({"tools/list": answers({"tools": [{**tool, "name": "read"}, tool]})}) as server:
        made = call(new_api, "POST", "mcp_servers", status=201, json={"name": "files", "url": server.url})
        asked = call(new_api, "POST", f"mcp_servers/{made['id']}/refresh")

    failed = call(new_api, "POST", f"mcp_servers/{made['id']}/refresh")

    assert ([one["name"] for one in asked["tools"]], asked["left_out"]) == (["read"], 1)
    assert (failed["problem"], failed["tools"]) == ("the server cannot be reached", asked["tools"])
    assert failed["listed_at"] == asked["listed_at"]
