"""JSON Schemas of parameters: bounded when they are given, and arguments checked against them before a call.

The schema is a customer's, or an MCP server's. By `jsonschema_rs`, because its regular expressions take time in
proportion to the text, and because it fetches nothing: a pattern such as `^(a+)+$` would hold up a process whose
expressions backtrack. What it does not bound is bounded here: references that multiply, or lead back to themselves.
"""

from collections.abc import Mapping
from math import inf
from typing import Any

import jsonschema_rs
import orjson

from providers import untrusted

SCHEMA_MAX_BYTES = 16_384
SCHEMA_MAX_DEPTH = 24
# With every reference replaced by what it refers to. With the bounds of arguments, a check takes 0.1 s at most.
EXPANDED_MAX_NODES = 1_000
# One that stands for hundreds of characters takes a millisecond to compile.
PATTERNS_MAX = 64
REFERENCES_MAX_DEPTH = 24
ARGUMENTS_MAX_BYTES = 65_536
ARGUMENTS_MAX_DEPTH = 32
ARGUMENTS_MAX_VALUES = 10_000
PROBLEM_MAX_CHARS = 300

# They change what a reference leads to, or are resolved while arguments are checked.
_REFUSED = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor")
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1_000_000, dfa_size_limit=1_000_000)


class UnusableSchema(Exception):
    """`message` is fit for a customer."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def check_size(schema: Any) -> None:
    """Raises UnusableSchema for what a model cannot be shown: too large, too deep, or not of an object."""
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise UnusableSchema('it must be a JSON Schema of the type "object"')
    if _is_beyond(schema, depth=SCHEMA_MAX_DEPTH):
        raise UnusableSchema(f"it is nested more than {SCHEMA_MAX_DEPTH} levels deep")
    try:
        size = len(orjson.dumps(schema))
    except orjson.JSONEncodeError as exc:
        raise UnusableSchema("it holds what JSON cannot say") from exc
    if size > SCHEMA_MAX_BYTES:
        raise UnusableSchema(f"it is longer than {SCHEMA_MAX_BYTES} bytes")


def check(schema: Any) -> None:
    """Raises UnusableSchema for one that arguments cannot be checked against."""
    check_size(schema)
    _Expansion(schema).check()
    _validator(schema)


def problem(schema: Mapping[str, Any], arguments: Any) -> str:
    """What is wrong with a call's arguments; "" for nothing.

    Against a schema that cannot be used they are not checked: an MCP server may have one, and checks them itself.
    """
    if wrong := _form_problem(arguments):
        return wrong
    try:
        _Expansion(schema).check()
        _validator(schema).validate(arguments)
    except UnusableSchema:
        return ""
    except jsonschema_rs.ValidationError as exc:
        at = ".".join(map(str, exc.instance_path))
        return untrusted.text(f"{at}: {exc.message}" if at else exc.message, most=PROBLEM_MAX_CHARS)
    return ""


def _form_problem(arguments: Any) -> str:
    if not isinstance(arguments, dict):
        return "The arguments must be a JSON object."
    if _is_beyond(arguments, depth=ARGUMENTS_MAX_DEPTH):
        return f"The arguments are nested more than {ARGUMENTS_MAX_DEPTH} levels deep."
    if _is_beyond(arguments, values=ARGUMENTS_MAX_VALUES):
        return f"The arguments hold more than {ARGUMENTS_MAX_VALUES} values."
    try:
        size = len(orjson.dumps(arguments))
    except orjson.JSONEncodeError:
        return "The arguments hold what JSON cannot say."
    return f"The arguments are longer than {ARGUMENTS_MAX_BYTES} bytes." if size > ARGUMENTS_MAX_BYTES else ""


def _validator(schema: Mapping[str, Any]) -> Any:
    """Raises UnusableSchema."""
    try:
        return jsonschema_rs.validator_for(
            dict(schema), offline=True, validate_formats=False, pattern_options=_PATTERNS
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as exc:
        message = getattr(exc, "message", None) or str(exc)
        raise UnusableSchema(untrusted.text(message, most=PROBLEM_MAX_CHARS)) from exc


class _Expansion:
    """Counts the nodes of a schema with its references replaced, without replacing them."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._known: dict[str, int] = {}
        self._open: list[str] = []
        self._patterns = 0

    def check(self) -> None:
        """Raises UnusableSchema."""
        self._size(self._schema)

    def _size(self, node: Any) -> int:
        total = 1
        if isinstance(node, list):
            total += sum(self._size(member) for member in node)
        elif isinstance(node, dict):
            for name, member in node.items():
                total += self._size_of_member(name, member)
        if total > EXPANDED_MAX_NODES:
            raise UnusableSchema(f"it has more than {EXPANDED_MAX_NODES} parts, references counted each time")
        return total

    def _size_of_member(self, name: str, member: Any) -> int:
        if isinstance(member, str):
            if name in _REFUSED:
                raise UnusableSchema(f"{name} is not supported")
            self._patterns += name == "pattern"
        elif name == "patternProperties" and isinstance(member, dict):
            self._patterns += len(member)
        if self._patterns > PATTERNS_MAX:
            raise UnusableSchema(f"it has more than {PATTERNS_MAX} patterns")
        return self._size_behind(member) if name == "$ref" and isinstance(member, str) else self._size(member)

    def _size_behind(self, reference: str) -> int:
        if reference in self._open:
            raise UnusableSchema("a reference in it leads back to itself")
        if len(self._open) >= REFERENCES_MAX_DEPTH:
            raise UnusableSchema(f"it refers more than {REFERENCES_MAX_DEPTH} times in a row")
        if reference not in self._known:
            self._open.append(reference)
            self._known[reference] = self._size(self._found(reference))
            self._open.pop()
        return self._known[reference]

    def _found(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise UnusableSchema("a reference in it leads elsewhere; only #/… is followed")
        node: Any = self._schema
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and name in node:
                node = node[name]
            else:
                raise UnusableSchema("a reference in it leads nowhere")
        return node


def _is_beyond(value: Any, *, depth: float = inf, values: float = inf) -> bool:
    """Whether it is nested deeper, or holds more values."""
    level, levels, count = [value], 0, 1
    while level and levels <= depth and count <= values:
        members = [
            member
            for container in level
            for member in (container.values() if isinstance(container, dict) else container)
        ]
        level = [member for member in members if isinstance(member, dict | list)]
        levels, count = levels + 1, count + len(members)
    return bool(level) or count > values
