"""The JSON answer: a bare object, without the envelope of the siblings (docs/contract D.3)."""

import orjson

from conversations.dialects.api import text_collector
from conversations.dialects.yuju.chat import members
from conversations.values.runs import RunEnded, RunStatus

NOT_ENDED = RunEnded(RunStatus.COMPLETED)


class TextCollector(text_collector.TextCollector):
    def answer(self) -> bytes:
        """`content` is the same text as `desc`, for the client that looks for the first `content` (docs/contract D.3):
        so no member before it may hold one.
        """
        text = self._text
        head, end = members.head(self._context), members.end(self._context, self._ended or NOT_ENDED)
        return orjson.dumps({"desc": text, "content": text, **head, **end})
