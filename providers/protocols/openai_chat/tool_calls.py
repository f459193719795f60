"""Fragments of tool calls put in order: vendors differ in what they number, repeat and leave out."""

from typing import Any

import orjson

from providers.events import ToolCallDelta

_CALL_FIELDS = frozenset({"index", "id", "function", "custom"})

Json = dict[str, Any]


class ToolCalls:
    """The tool calls of one choice. A call gets its place, 0 and up, as it is first heard of."""

    def __init__(self, vendor: str) -> None:
        self._vendor = vendor
        self._ids: list[str | None] = []
        self._place_of_index: dict[int, int] = {}

    def read(self, fragments: list[Any], choice: int) -> list[ToolCallDelta]:
        return [self._read(fragment, choice) for fragment in fragments if isinstance(fragment, dict)]

    def _read(self, wire: Json, choice: int) -> ToolCallDelta:
        place, is_new = self._place(wire)
        called = wire.get("function") or wire.get("custom")
        called = called if isinstance(called, dict) else {}
        arguments = _arguments(called.get("arguments", called.get("input")))
        if not is_new:
            return ToolCallDelta(place, arguments=arguments, choice=choice)
        name = called.get("name")
        return ToolCallDelta(
            place, self._ids[place], str(name) if name else None, arguments, choice, self._metadata(wire)
        )

    def _place(self, wire: Json) -> tuple[int, bool]:
        """Where the fragment belongs, and whether its call is new there.

        An id not seen before begins a call, even under a number that is taken: some vendors number all calls 0.
        """
        call_id, index = wire.get("id"), wire.get("index")
        known = self._place_of_index.get(index) if isinstance(index, int) else self._last_place()
        if call_id and call_id in self._ids:
            return self._ids.index(call_id), False
        if known is not None and not call_id:
            return known, False
        self._ids.append(str(call_id) if call_id else None)
        place = len(self._ids) - 1
        if isinstance(index, int):
            self._place_of_index[index] = place
        return place, True

    def _last_place(self) -> int | None:
        return len(self._ids) - 1 if self._ids else None

    def _metadata(self, wire: Json) -> Json | None:
        own = {name: value for name, value in wire.items() if name not in _CALL_FIELDS and value is not None}
        if own.get("type") in ("function", ""):
            del own["type"]
        return {self._vendor: own} if own else None


def _arguments(value: Any) -> str:
    """JSON text as the model wrote it; some vendors send the object itself."""
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(value).decode()
