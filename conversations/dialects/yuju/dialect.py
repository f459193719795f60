"""The entry of Yuju in the registry."""

from conversations.dialects.dialect import Dialect
from conversations.dialects.yuju import NAME, errors
from conversations.dialects.yuju.chat.render import TextCollector
from conversations.dialects.yuju.chat.stream import DeltaStream
from conversations.values.runs import Format

DIALECT = Dialect(
    name=NAME,
    errors=errors,
    streams={Format.SSE: DeltaStream},
    collector=TextCollector,
    needs_words=True,
    has_document=True,
    shows_cost=True,
)
