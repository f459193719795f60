"""Calls of tools as models write them: which are ours, whether their arguments can be used, and which are repeated."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from conversations.errors import InvalidRequest
from providers import finish_reasons

# Of one call. What is longer is never sent to a tool, nor back to the model.
ARGUMENTS_MAX_BYTES = 65_536
NO_ARGUMENTS = "{}"
# The same call is answered from its first result once; a model that makes it again goes on without tools.
SAME_CALLS_MAX = 2


# The text of a result, and whether it is an error.
Result = tuple[str, bool]


TOOLS = "tools"
# What says something of tools, and is refused by vendors where there are none.
_OF_TOOLS = (TOOLS, "tool_choice", "parallel_tool_calls")


class UnusableArguments(Exception):
    """`message` tells the model what is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def is_ours(name: str, *, ours: Collection[str], callers: Collection[str]) -> bool:
    """A name that nobody has is ours to answer, unless the caller has tools: then it gets it, as without ours."""
    return name in ours or not callers


def are_whole(finish_reason: str | None) -> bool:
    """Whether the calls of an answer are whole: one that was cut short may hold half a call."""
    return finish_reasons.normal(finish_reason or "") in (finish_reasons.TOOL_CALLS, finish_reasons.STOP)


def names_of(tools: Any) -> tuple[str, ...]:
    """The names of the tools in an option `tools`, in their order, as far as they have any."""
    found = []
    for tool in tools if isinstance(tools, list | tuple) else ():
        declared = tool.get(tool.get("type", "function"), tool) if isinstance(tool, Mapping) else None
        if isinstance(declared, Mapping) and isinstance(declared.get("name"), str):
            found.append(declared["name"])
    return tuple(found)


def check_choices(options: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for several answers: their calls would be made once for all."""
    if (options.get("n") or 1) > 1:
        raise InvalidRequest("n must be 1 where a model may call tools", param="n")


def offered(options: Mapping[str, Any], *, ours: Sequence[Any], is_first: bool) -> Mapping[str, Any]:
    """A turn's options with the declarations of our tools. `is_first`: the model has not called any yet."""
    own = list(options.get(TOOLS) or ())
    if not own and not ours:
        return {name: value for name, value in options.items() if name not in _OF_TOOLS}
    found = {**options, TOOLS: [*own, *ours]}
    if not is_first and found.get("tool_choice") not in (None, "none"):
        # A call that the caller demands was made with the first answer. Demanded again it would never end.
        found["tool_choice"] = "auto"
    return found


def arguments(written: str) -> dict[str, Any]:
    """Raises UnusableArguments. A model that has no arguments to give may write nothing at all."""
    if not written.strip():
        return {}
    if len(written.encode("utf-8", "surrogatepass")) > ARGUMENTS_MAX_BYTES:
        raise UnusableArguments(f"Its arguments have more than {ARGUMENTS_MAX_BYTES} bytes.")
    try:
        read = orjson.loads(written)
    except ValueError as exc:
        raise UnusableArguments("Its arguments are not valid JSON.") from exc
    if not isinstance(read, dict):
        raise UnusableArguments("Its arguments are not a JSON object.")
    try:
        # What is read may be nested deeper than what can be written again.
        orjson.dumps(read)
    except orjson.JSONEncodeError as exc:
        raise UnusableArguments("Its arguments are nested too deeply.") from exc
    return read


class Repeats:
    """Which calls were made before, with the same arguments in whatever order and spacing, and what came of them."""

    def __init__(self) -> None:
        self._made: Counter[bytes] = Counter()
        self._results: dict[bytes, Result] = {}

    def count(self, name: str, given: Mapping[str, Any]) -> int:
        """How often the call has been made now."""
        key = _key(name, given)
        self._made[key] += 1
        return self._made[key]

    def note(self, name: str, given: Mapping[str, Any], result: Result) -> None:
        """That the call is over. One that this has not counted, of an earlier attempt, is counted."""
        key = _key(name, given)
        self._made[key] = max(self._made[key], 1)
        self._results.setdefault(key, result)

    def first(self, name: str, given: Mapping[str, Any]) -> Result | None:
        """None while the first call is not over."""
        return self._results.get(_key(name, given))


def _key(name: str, given: Mapping[str, Any]) -> bytes:
    return name.encode() + b"\0" + orjson.dumps(dict(given), option=orjson.OPT_SORT_KEYS)
