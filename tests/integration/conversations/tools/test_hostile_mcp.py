"""MCP servers that do what they must not: a listing says why, an outcome is an error, and nothing takes long."""

import gzip
import logging
import time
from typing import Any

import pytest

from conversations.tools.callers import Callers
from conversations.values.tools import Listing, McpEndpoint
from tests.fakes.mcp_server import Handler, Script, ScriptedMcpServer, answers, refuses, sends, stalls
from tests.integration.conversations.tools.conftest import ACCOUNT, mcp_tool

# Only a broken one takes so long: the calls below have 2 s.
BROKEN_SECONDS = 30.0
SCHEMA = {"type": "object"}


def listed(callers: Callers, script: Script, *, seconds: float = 60) -> tuple[Listing, list[str]]:
    with ScriptedMcpServer({"tools/list": script}) as server:
        endpoint = McpEndpoint(server.url, "")
        return callers.list_tools(endpoint, account_id=ACCOUNT, seconds=seconds), server.methods


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": SCHEMA, **more}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def floods(handler: Handler, _request: Any) -> None:
    """50 MB."""
    handler.send(200, b"", {"Content-Type": "application/json", "Content-Length": "50000000"})
    for _ in range(50):
        handler.wfile.write(b" " * 1_000_000)


def events_without_end(handler: Handler, _request: Any) -> None:
    """Questions to the client, as fast as it reads."""
    handler.send(200, b"", {"Content-Type": "text/event-stream", "Content-Length": "50000000"})
    for at in range(500_000):
        handler.wfile.write(b'data: {"jsonrpc":"2.0","id":%d,"method":"ping"}\n\n' % at)


def pages_without_end(handler: Handler, request: Any) -> None:
    cursor = int((request.get("params") or {}).get("cursor", 0)) + 1
    answers({"tools": [tool(f"t{cursor}")], "nextCursor": str(cursor)})(handler, request)


def events_that_break_off(handler: Handler, _request: Any) -> None:
    """A stream that asks to be opened again at once, and ends."""
    handler.send(200, b"id: 1\nretry: 0\ndata:\n\n", {"Content-Type": "text/event-stream"})


def test_names_and_schemas_that_no_model_can_be_shown_are_left_out(callers: Callers) -> None:
    tools = [
        tool("good"),
        tool("good", description="The same name again."),
        tool("nul\x00"),
        tool(""),
        tool("x" * 200),
        tool("deep", inputSchema=nested(90)),
        tool("large", inputSchema={"type": "object", "description": "x" * 20_000}),
        tool("said", description="Reads\x00 \x1b[31mfiles", annotations={"readOnlyHint": True}),
        tool("self", inputSchema={"type": "object", "$ref": "#"}),
    ]

    listing, methods = listed(callers, answers({"tools": tools}))

    assert [(one.name, one.description) for one in listing.tools] == [
        ("good", ""),
        ("said", "Reads\ufffd  [31mfiles"),
        ("self", ""),
    ]
    assert (listing.left_out, listing.problem) == (6, "")
    assert [one.is_idempotent for one in listing.tools] == [False, True, False]
    assert methods[-1] == "DELETE"


def test_of_10_000_tools_128_are_kept(callers: Callers) -> None:
    listing, _ = listed(callers, answers({"tools": [tool(f"t{at}") for at in range(10_000)]}))

    assert (len(listing.tools), listing.left_out, listing.problem) == (128, 9_872, "")


def test_all_that_is_kept_of_a_server_is_bounded(callers: Callers) -> None:
    schema = {**SCHEMA, "default": "x" * 16_000}
    large = [tool(f"t{at}", description="x" * 4_000, inputSchema=schema) for at in range(40)]

    listing, _ = listed(callers, answers({"tools": large}))

    assert (len(listing.tools), listing.left_out) == (26, 14)


def test_pages_without_end_are_given_up(callers: Callers) -> None:
    listing, methods = listed(callers, pages_without_end)

    assert methods.count("tools/list") == len(listing.tools) == 20
    assert (listing.left_out, methods[-1]) == (1, "DELETE")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (floods, "the server sent too much"),
        (events_without_end, ""),
        (sends(gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"), "the server sent a compressed response"),
        (sends(b"[" * 2_000_000), ""),
        (sends(b'{"jsonrpc":"2.0","id":1,"result":{"tools":' + b'{"a":' * 10_000), ""),
        (sends(b"\x00\xff"), ""),
        (sends(b"<html>", Content_Type="text/html"), ""),
        (sends(b"", status=500), ""),
        (sends(b"", status=307, Location="http://127.0.0.2:9/mcp"), ""),
        (sends(b"", status=307, Location="http://169.254.169.254/"), ""),
        (answers({"tools": [{"name": "without a schema"}]}), "the server's answer is not one that MCP allows"),
        (answers({"tools": [tool("list", inputSchema={"type": "array"})]}), "not one that MCP allows"),
        (answers({"tools": [tool("a", inputSchema=[])]}), ""),
        (answers([]), ""),
        (answers({"tools": [tool("a", inputSchema={"default": 10**5_000})]}), ""),
        (refuses(-32000, "\x1b[31mNo\x00 tools " + "x" * 2_000), ""),
        (events_that_break_off, ""),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_what_is_no_listing_is_a_problem(callers: Callers, script: Script, problem: str) -> None:
    listing, methods = listed(callers, script, seconds=60)

    assert listing.tools == ()
    assert 0 < len(listing.problem) <= 500
    assert "\x00" not in listing.problem
    assert problem in listing.problem
    assert len(methods) <= 40


@pytest.mark.parametrize("method", ["server/discover", "initialize", "notifications/initialized", "tools/call"])
def test_a_server_that_never_answers_is_given_up(callers: Callers, method: str) -> None:
    began = time.monotonic()
    with ScriptedMcpServer({method: stalls}) as server:
        outcome = callers.call(mcp_tool(server.url, "add"), {}, seconds=2)

    assert (outcome.text, outcome.is_error) == ("The tool failed: the server took too long.", True)
    assert time.monotonic() - began < BROKEN_SECONDS


def test_a_server_that_never_ends_a_session_costs_no_result(callers: Callers) -> None:
    script = answers({"content": [{"type": "text", "text": "Done."}]})
    with ScriptedMcpServer({"tools/call": script, "DELETE": stalls}) as server:
        outcome = callers.call(mcp_tool(server.url, "add"), {}, seconds=3)

    assert (outcome.text, outcome.is_error) == ("Done.", False)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"content": []}, ""),
        ({"content": [], "structuredContent": {"a": 1}}, '{"a": 1}'),
        ({"content": [{"type": "text", "text": "a\x00b"}, {"type": "text", "text": "c"}]}, "a\ufffdb\nc"),
        (
            {"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}]},
            "[file:///a]\ninside",
        ),
        (
            {"content": [{"type": "resource", "resource": {"uri": "file:///a", "blob": "AAAA"}}]},
            "[resource, file:///a, 3 bytes: it is no text, and not shown]",
        ),
        (
            {"content": [{"type": "text", "text": "x" * 100_000}]},
            "x" * 65_536 + "\n[The result is cut here: it is longer than 65536 bytes.]",
        ),
    ],
)
def test_a_result_becomes_text(callers: Callers, result: Any, text: str) -> None:
    with ScriptedMcpServer({"tools/call": answers(result)}) as server:
        outcome = callers.call(mcp_tool(server.url, "add"), {}, seconds=60)

    assert (outcome.text, outcome.is_error) == (text, False)


def test_a_schema_of_results_that_takes_for_ever_is_not_looked_at(callers: Callers) -> None:
    slow = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    scripts = {
        "tools/list": answers({"tools": [tool("add", outputSchema=slow)]}),
        "tools/call": answers({"content": [], "structuredContent": {"a": "a" * 60 + "b"}}),
    }
    with ScriptedMcpServer(scripts) as server:
        outcome = callers.call(mcp_tool(server.url, "add"), {}, seconds=60)

    assert outcome.text == f'{{"a": "{"a" * 60}b"}}'
    assert "tools/list" not in server.methods


def test_nothing_that_a_server_says_is_logged() -> None:
    levels = [logging.getLogger(name).getEffectiveLevel() for name in ("mcp.client.streamable_http", "httpx2")]

    assert levels == [logging.CRITICAL, logging.WARNING]
