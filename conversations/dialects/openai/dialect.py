"""The entry of the OpenAI family in the registry."""

from conversations.dialects.dialect import Dialect, Stream
from conversations.dialects.openai import NAME, documents, errors
from conversations.dialects.openai.chat.parse import TOOL_IDS
from conversations.dialects.openai.chat.stream import ChunkStream
from conversations.dialects.openai.completions import TextStream
from conversations.values.requests import Operation
from conversations.values.runs import Format, ReplyContext

STREAMS = {Operation.CHAT: ChunkStream, Operation.COMPLETION: TextStream}


def _stream(context: ReplyContext) -> Stream:
    """Embeddings are never streamed: their route takes no `stream`, and nothing stores them to be resumed."""
    return STREAMS[context.operation](context)


DIALECT = Dialect(
    name=NAME,
    errors=errors,
    streams={Format.SSE: _stream},
    collector=documents.AnswerCollector,
    # Whatever ends an answer, its `finish_reason` tells the caller.
    needs_words=False,
    has_document=True,
    tools_param=TOOL_IDS,
)
