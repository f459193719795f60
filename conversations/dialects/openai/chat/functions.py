"""`functions` of 2023, which SDKs of that time still send: tools under an older name.

They are sent upstream as tools, since newer vendors know only those. The tool call of the answer is then written as the
`function_call` that the caller expects (`reply["functions"]`).
"""

from typing import Any

from conversations.rules import checks
from conversations.rules.checks import Json
from conversations.rules.generation.structured_options import TOOLS_MAX, tool_name
from providers.messages import ToolCallPart

CALL_ID = "call_function_{number}"


class Calls:
    """The function calls of one request's messages, which have no ids of their own."""

    def __init__(self) -> None:
        self._made = 0
        self._id_by_name: dict[str, str] = {}

    def asked(self, given: Json, path: str) -> ToolCallPart:
        name, arguments = tool_name(given, path), checks.text(given, "arguments", path)
        self._id_by_name[name] = CALL_ID.format(number=self._made)
        self._made += 1
        return ToolCallPart(self._id_by_name[name], name, arguments)

    def answered(self, name: str, path: str) -> str:
        """The id of the call that a `function` message answers."""
        if name not in self._id_by_name:
            checks.refuse(f"{path}.name", "names no function_call of an earlier message")
        return self._id_by_name[name]


def as_tools(given: Any) -> list[Json]:
    functions = checks.array(given, "functions", most=TOOLS_MAX)
    for index, function in enumerate(functions):
        tool_name(checks.obj(function, f"functions[{index}]"), f"functions[{index}]")
    return [{"type": "function", "function": function} for function in functions]


def as_tool_choice(given: Any) -> Any:
    if given in ("none", "auto"):
        return given
    if isinstance(given, dict):
        return {"type": "function", "function": {"name": tool_name(given, "function_call")}}
    return checks.refuse("function_call", "must be none, auto or an object with a name")
