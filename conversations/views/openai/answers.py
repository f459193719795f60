"""How the OpenAI family answers a run, whether it was just asked or is picked up again."""

from django.http.response import HttpResponseBase

from conversations.dialects.openai import completions, documents
from conversations.dialects.openai.chat import render
from conversations.dialects.openai.chat.stream import ChunkStream
from conversations.values.requests import Operation
from conversations.values.runs import Format, ReplyContext
from conversations.views.http.base import json_response
from conversations.views.runs.response import RunResponse

STREAMS = {Operation.CHAT: ChunkStream, Operation.COMPLETION: completions.TextStream}


async def respond(turn: RunResponse, asked: ReplyContext, *, form: Format) -> HttpResponseBase:
    """Raises the run's error while it can still be an HTTP status."""
    if form is Format.SSE:
        return await turn.stream(STREAMS[asked.operation](asked))
    collector = render.AnswerCollector()
    await turn.collect(collector)
    return json_response(documents.answer(asked, collector=collector))
