"""Tools of an account: what a model is told of one, where a call of it goes, and what came of the call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ArgumentsIn(StrEnum):
    """Where an HTTP request has the arguments that its path does not name."""

    QUERY = "query"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """`url` may hold `{name}` in its path or query, for the argument of that name. `headers` hold secrets."""

    method: str
    url: str
    arguments_in: ArgumentsIn
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class McpEndpoint:
    """A tool of an MCP server, which knows it as `remote_name`. `headers` hold secrets."""

    url: str
    remote_name: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """`id` is that of the tool, or of the MCP server that has it. `parameters` is a JSON Schema of an object.

    `is_idempotent`: a call may be repeated when nobody knows whether it was made. `needs_approval`: somebody has to
    agree to each call first. `timeout_seconds` is for one call.
    """

    account_id: int
    id: str
    name: str
    description: str
    parameters: Mapping[str, Any]
    endpoint: HttpEndpoint | McpEndpoint
    is_idempotent: bool = False
    needs_approval: bool = False
    timeout_seconds: float = 30.0

    @property
    def remote_name(self) -> str:
        return self.endpoint.remote_name if isinstance(self.endpoint, McpEndpoint) else ""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a model is told of a call. `is_error`: the tool failed, or was not called; `text` then says why.

    `status` is of HTTP, None without a response, and with MCP. `is_cut`: the result was longer than `text`.
    """

    text: str
    is_error: bool = False
    status: int | None = None
    seconds: float = 0.0
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its MCP server lists it. `is_idempotent` is what the server says of it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    is_idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """`problem` is "" when the server could be asked. `left_out`: how many of its tools cannot be offered."""

    tools: tuple[ListedTool, ...] = ()
    left_out: int = 0
    problem: str = ""
