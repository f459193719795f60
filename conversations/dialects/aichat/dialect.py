"""The entry of AceData v1 in the registry."""

from conversations.dialects.aichat import NAME, errors, stream
from conversations.dialects.aichat.render import TextCollector
from conversations.dialects.dialect import Dialect
from conversations.values.runs import Format

DIALECT = Dialect(
    name=NAME,
    errors=errors,
    streams={Format.NDJSON: stream.NdjsonStream, Format.SSE: stream.SseStream},
    collector=TextCollector,
    needs_words=True,
    has_document=False,
)
