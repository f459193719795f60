"""The JSON answer of v1 (docs/contract A.3)."""

import orjson

from conversations.dialects.api import sources, text_collector
from conversations.values.tool_calls import required_on_wire


class TextCollector(text_collector.TextCollector):
    def answer(self) -> bytes:
        """Both keys always, also for a turn that nothing stores; more where it was asked with sources, or waits."""
        said = sources.members(self._ended.sourced) if self._ended else {}
        if self._ended and self._ended.required:
            said |= required_on_wire(self._context.run_id, self._ended.required)
        return orjson.dumps({"id": self._context.conversation_id, "answer": self._text, **said})
