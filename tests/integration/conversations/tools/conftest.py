"""Callers that may reach 127.0.0.1 and no other private address, and what they call."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conversations.outbound.addresses import ranges
from conversations.tools.callers import Callers
from conversations.values.tools import ArgumentsIn, HttpEndpoint, McpEndpoint, ToolDefinition, ToolOutcome
from tests.fakes.mcp_server import McpServer
from tests.fakes.receiver import Receiver
from tests.unit.conversations.outbound.answers import Resolver

OPEN = "127.0.0.1"
ACCOUNT = 7

CallHttp = Callable[..., ToolOutcome]


@pytest.fixture
def resolver() -> Resolver:
    return Resolver([OPEN])


@pytest.fixture
def callers(resolver: Resolver) -> Callers:
    return Callers(allow=ranges([OPEN]), at_once=4, lookup=resolver)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="package")
def mcp_server() -> Iterator[McpServer]:
    with McpServer() as running:
        yield running


def http_tool(url: str, *, method: str = "POST", headers: dict[str, str] | None = None, **more: Any) -> ToolDefinition:
    where = more.pop("arguments_in", ArgumentsIn.BODY if method == "POST" else ArgumentsIn.QUERY)
    endpoint = HttpEndpoint(method, url, where, headers or {})
    return ToolDefinition(ACCOUNT, "tool_1", "tool", "", more.pop("parameters", {}), endpoint, **more)


def mcp_tool(url: str, name: str, *, headers: dict[str, str] | None = None, **more: Any) -> ToolDefinition:
    return ToolDefinition(ACCOUNT, "mcp_1", name, "", more.pop("parameters", {}), McpEndpoint(url, name, headers or {}))
