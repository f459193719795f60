"""How `/aichat` answers a run, whether it was just asked or is picked up again."""

from collections.abc import Callable

from django.http.response import HttpResponseBase

from conversations.dialects.aichat import render, stream
from conversations.values.runs import Format, ReplyContext
from conversations.views.http.base import json_response
from conversations.views.runs.response import RunResponse, Stream

STREAMS: dict[Format, Callable[..., Stream]] = {Format.NDJSON: stream.NdjsonStream, Format.SSE: stream.SseStream}


async def respond(turn: RunResponse, asked: ReplyContext, *, form: Format) -> HttpResponseBase:
    """Raises the run's error while it can still be an HTTP status."""
    if form is not Format.JSON:
        return await turn.stream(STREAMS[form](asked.conversation_id, trace_id=asked.trace_id))
    collector = stream.TextCollector()
    await turn.collect(collector)
    return json_response(render.answer(conversation_id=asked.conversation_id, text=collector.text))
