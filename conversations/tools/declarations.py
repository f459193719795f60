"""Tools as a model is told of them: function declarations in OpenAI's form, under names that are unique."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conversations.values.tools import ToolDefinition

# OpenAI's, and no vendor of the catalogue takes more.
NAME_MAX_CHARS = 64
_ODD = re.compile(r"[^A-Za-z0-9_-]")


def named(tools: Sequence[ToolDefinition], *, taken: Iterable[str] = ()) -> tuple[ToolDefinition, ...]:
    """The tools under names that a model can say. A name that is `taken`, or of an earlier tool, gets a number.

    The result depends on the order alone, so that a call of a model is found again when its run goes on later.
    """
    used, found = set(taken), []
    for tool in tools:
        name = _free(_ODD.sub("_", tool.name)[:NAME_MAX_CHARS] or "tool", used)
        used.add(name)
        found.append(replace(tool, name=name))
    return tuple(found)


def declared(tool: ToolDefinition) -> Mapping[str, Any]:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }


def _free(name: str, used: set[str]) -> str:
    if name not in used:
        return name
    number = 2
    while (numbered := f"{name[: NAME_MAX_CHARS - len(f'_{number}')]}_{number}") in used:
        number += 1
    return numbered
