"""Fragments of tool calls joined to calls: vendors differ in what they number, repeat and leave out."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from providers import untrusted
from providers.errors import UpstreamGarbled
from providers.events import ToolCallDelta
from providers.protocols.openai.buffer_budget import BufferBudget

# More than any answer has.
MAX_CALLS = 1024
MAX_NAME_CHARACTERS = 256
# Gateways hide a model's signature in the id.
MAX_ID_CHARACTERS = 16_384
# Longer arguments are not checked for being complete JSON: only vendors without ids need that, and theirs are short.
MAX_CHECKED_CHARACTERS = 16_384
LEGACY = "function_call"
# The memory that a kept string takes besides its characters.
STRING_BYTES = 64

_CALL_FIELDS = frozenset({"index", "id", "function", "custom"})
_CALLED_FIELDS = frozenset({"name", "arguments", "input"})

Json = dict[str, Any]
Index = int | float | str


@dataclass(slots=True)
class _Fragment:
    index: Index | None
    call_id: str
    name: str
    arguments: str


@dataclass(slots=True, eq=False)
class _Call:
    """`position` is its number among the published calls; None while its name is incomplete or missing.

    `half` is the first half of a surrogate pair at the end of its arguments.
    """

    is_numbered: bool
    first_id: str = ""
    ids: set[str] = field(default_factory=set)
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    length: int = 0
    metadata: Json = field(default_factory=dict)
    half: str = ""
    position: int | None = None

    def is_whole(self) -> bool:
        """Whether the arguments are a complete object: then the next fragment may begin another call."""
        if not self.arguments or not self.arguments[-1].rstrip().endswith("}"):
            return False
        text = "".join(self.arguments)
        try:
            return len(text) <= MAX_CHECKED_CHARACTERS and isinstance(orjson.loads(text), dict)
        except ValueError:
            return False


class ToolCalls:
    """The tool calls of one choice. A call is published, and gets its position, 0 and up, once its name is known.

    A name may come late and in pieces, so it is known when arguments came after it, when the next call begins, or at
    the end. A call without a name is never published, because nobody could carry it out. `answer_id` goes into made-up
    ids, so that no two answers of a conversation use the same. `budget` limits what is buffered.
    """

    def __init__(
        self, vendor: str, choice: int = 0, answer_id: str = "", *, budget: BufferBudget | None = None
    ) -> None:
        self._budget = budget or BufferBudget()
        self._vendor = vendor
        self._choice = choice
        self._answer_id = answer_id
        self._last: _Call | None = None
        self._waiting: list[_Call] = []
        self._halved: set[_Call] = set()
        self._of_index: dict[Index, _Call] = {}
        self._of_id: dict[str, _Call] = {}
        self._begun = 0
        self._ids: set[str] = set()
        self.count = 0

    def read(self, given: Any, *, is_whole: bool = False) -> list[ToolCallDelta]:
        """`is_whole`: these are whole calls, not fragments. Raises UpstreamGarbled for an unreasonable number."""
        wires = given if isinstance(given, list) else [given]
        found: list[ToolCallDelta] = []
        for wire in wires:
            if isinstance(wire, dict):
                self._read(wire, is_whole, found)
        return found

    def read_legacy(self, given: Any, *, is_whole: bool = False) -> list[ToolCallDelta]:
        """`function_call`, the older form, has a single call. Some vendors send the same call in both forms."""
        if not isinstance(given, dict) or (self._begun and LEGACY not in self._of_index):
            return []
        return self.read([{"index": LEGACY, "function": given}], is_whole=is_whole)

    def end(self) -> list[ToolCallDelta]:
        """The buffered events; none when called again."""
        found = self._publish_waiting()
        halved, self._halved = self._halved, set()
        for call in sorted(halved, key=lambda call: call.position or 0):
            if call.half and call.position is not None:
                found.append(self._more(call.position, untrusted.REPLACEMENT))
            call.half = ""
        return found

    def _read(self, wire: Json, is_whole: bool, found: list[ToolCallDelta]) -> None:
        called = _called(wire)
        fragment = _Fragment(
            index=_index(wire.get("index")),
            call_id=_identifier(wire.get("id")),
            name=_name(called.get("name")),
            arguments=_arguments(called.get("arguments", called.get("input"))),
        )
        call = None if is_whole else self._find(fragment)
        if call is None:
            if not (fragment.call_id or fragment.name or fragment.arguments):
                return
            found += self._publish_waiting()
            call = self._begin(fragment)
        self._add(call, fragment, wire, found)
        if is_whole:
            found += self._publish_waiting()

    def _find(self, fragment: _Fragment) -> _Call | None:
        """The call that the fragment continues; None when it begins one."""
        index, call_id, name = fragment.index, fragment.call_id, fragment.name
        call: _Call | None = None
        if index is not None and index in self._of_index:
            call = self._of_index[index]
        elif call_id in self._of_id and (index is None or not name):
            call = self._of_id[call_id]
        elif index is None or (self._last and not self._last.is_numbered and not name and not call_id):
            call = self._last
        return None if call is None or _is_another(call, fragment) else call

    def _begin(self, fragment: _Fragment) -> _Call:
        self._begun += 1
        if self._begun > MAX_CALLS:
            raise UpstreamGarbled("The model's answer asks for an unreasonable number of tools.")
        call = self._last = _Call(is_numbered=fragment.index is not None)
        self._waiting.append(call)
        self._budget.spend(len(str(fragment.index)))
        if fragment.index is not None:
            self._of_index[fragment.index] = call
        if fragment.call_id:
            self._of_id[fragment.call_id] = call
        return call

    def _add(self, call: _Call, fragment: _Fragment, wire: Json, found: list[ToolCallDelta]) -> None:
        if fragment.call_id and fragment.call_id not in call.ids:
            self._budget.spend(len(fragment.call_id) + STRING_BYTES)
            call.ids.add(fragment.call_id)
            self._of_id.setdefault(fragment.call_id, call)
        arguments, call.half = untrusted.text_so_far(call.half + fragment.arguments)
        if call.half:
            self._halved.add(call)
        if arguments:
            self._keep(call, arguments)
        if call.position is not None:
            found += [self._more(call.position, arguments)] if arguments else []
        elif self._name_call(call, fragment, wire) and arguments:
            self._waiting.remove(call)
            found.append(self._publish(call))

    def _keep(self, call: _Call, arguments: str) -> None:
        """All arguments until the call is published; after that only as many as `is_whole` checks."""
        if call.position is None:
            self._budget.spend(len(arguments) + STRING_BYTES)
        elif call.length > MAX_CHECKED_CHARACTERS:
            return
        call.arguments.append(arguments)
        call.length += len(arguments)

    def _publish_waiting(self) -> list[ToolCallDelta]:
        named = [call for call in self._waiting if call.name]
        self._waiting = [call for call in self._waiting if not call.name]
        return [self._publish(call) for call in named]

    def _name_call(self, call: _Call, fragment: _Fragment, wire: Json) -> bool:
        """Whether the call has a name by now. Some vendors repeat it, and their own fields, in every fragment."""
        call.first_id = call.first_id or fragment.call_id
        if new_fields := {name: value for name, value in _own(wire).items() if name not in call.metadata}:
            self._budget.spend(len(repr(new_fields)))
            call.metadata |= new_fields
        if fragment.name != call.name:
            call.name = (call.name + fragment.name)[:MAX_NAME_CHARACTERS]
        return bool(call.name)

    def _publish(self, call: _Call) -> ToolCallDelta:
        position = call.position = self.count
        self.count += 1
        metadata = untrusted.storable({self._vendor: call.metadata}) if call.metadata else None
        return ToolCallDelta(
            position, self._unique_id(call, position), call.name, "".join(call.arguments), self._choice, metadata
        )

    def _more(self, position: int, arguments: str) -> ToolCallDelta:
        return ToolCallDelta(position, arguments=arguments, choice=self._choice)

    def _unique_id(self, call: _Call, position: int) -> str:
        """The vendor's id, unless it is missing or another call has it."""
        found = call.first_id
        if not found or found in self._ids:
            found = self._made_up(position)
        while found in self._ids:
            found += "_"
        self._ids.add(found)
        return found

    def _made_up(self, position: int) -> str:
        if not self._answer_id:
            return f"call_{position}"
        return f"call_{hashlib.sha256(self._answer_id.encode()).hexdigest()[:12]}_{position}"


def _is_another(call: _Call, fragment: _Fragment) -> bool:
    """Whether the fragment begins another call, though its index or id is that of `call`.

    A new id with a name does. A new id alone does not, because some vendors change it with every fragment. Without a
    new id only a name does, and only once the arguments before it are complete.
    """
    name, call_id = fragment.name, fragment.call_id
    if not name or not call.name:
        return False
    if call_id and call.ids and call_id not in call.ids:
        return True
    is_repeated = name == call.name and (bool(call_id) or not fragment.arguments)
    return not is_repeated and call.is_whole()


def _called(wire: Json) -> Json:
    """The object with name and arguments. Some vendors put these fields directly into the call."""
    called = wire.get("function") or wire.get("custom")
    if isinstance(called, dict):
        return called
    return wire if called is None and not _CALLED_FIELDS.isdisjoint(wire) else {}


def _index(value: Any) -> Index | None:
    return value if isinstance(value, int | float | str) else None


def _identifier(value: Any) -> str:
    """Some vendors use numbers as ids."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return untrusted.text(str(value), most=MAX_ID_CHARACTERS)


def _name(value: Any) -> str:
    return untrusted.text(value, most=MAX_NAME_CHARACTERS) if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    """JSON text as the model wrote it. Some vendors send the object itself."""
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(untrusted.storable(value)).decode()


def _own(wire: Json) -> Json:
    hidden = _CALL_FIELDS if _called(wire) is not wire else _CALL_FIELDS | _CALLED_FIELDS
    own = {name: value for name, value in wire.items() if name not in hidden and value is not None}
    if own.get("type") in ("function", ""):
        del own["type"]
    return own
