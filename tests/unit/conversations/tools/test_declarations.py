"""Each tool has a name of its own that a model can say."""

from conversations.tools import declarations
from conversations.values.tools import McpEndpoint, ToolDefinition


def tool(name: str) -> ToolDefinition:
    return ToolDefinition(1, "mcp_1", name, "Does it.", {"type": "object"}, McpEndpoint("https://mcp.example", name))


def names(*given: str, taken: tuple[str, ...] = ()) -> list[str]:
    return [one.name for one in declarations.named([tool(name) for name in given], taken=taken)]


def test_names_are_made_sayable_and_unique() -> None:
    assert names("a", "a", "a.b", "a/b", "名") == ["a", "a_2", "a_b", "a_b_2", "_"]
    assert names("a", taken=("a", "a_2")) == ["a_3"]
    assert names("x" * 70, "x" * 80) == ["x" * 64, "x" * 62 + "_2"]


def test_the_server_is_still_called_by_its_own_name() -> None:
    (named,) = declarations.named([tool("files.read")])

    assert named.name == "files_read"
    assert named.endpoint == McpEndpoint("https://mcp.example", "files.read")


def test_a_declaration_is_openais() -> None:
    assert declarations.declared(tool("add")) == {
        "type": "function",
        "function": {"name": "add", "description": "Does it.", "parameters": {"type": "object"}},
    }
