"""`POST /aichat/conversations` (api-contract.md A): one question, answered as JSON, NDJSON or SSE."""

from collections.abc import Callable
from typing import ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import ids
from conversations.dialects.aichat import errors, parse, render, stream
from conversations.dialects.aichat.render import Format
from conversations.views import authentication, bodies
from conversations.views.aichat.serializers import TurnSerializer
from conversations.views.doors import ErrorWords, json_response
from conversations.views.turn_door import RUN_ID_HEADER, OpenTurn, Stream, TurnDoor

SERIALIZER = TurnSerializer()
STREAMS: dict[Format, Callable[..., Stream]] = {Format.NDJSON: stream.NdjsonStream, Format.SSE: stream.SseStream}


class ConversationsView(TurnDoor):
    error_words: ClassVar[ErrorWords] = errors

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await authentication.bearer(request)
        fields = bodies.validated(SERIALIZER, bodies.json_object(request))
        turn = parse.parse(fields, new_id=ids.new_conversation_id)
        form = render.negotiate(request.META.get("HTTP_ACCEPT", ""))
        open_turn = await self.accept(turn, caller=caller, is_streamed=form is not Format.JSON)
        self.response_headers[RUN_ID_HEADER] = open_turn.run.public_id
        return await self._answer(open_turn, form)

    async def _answer(self, turn: OpenTurn, form: Format) -> HttpResponseBase:
        conversation_id = turn.run.conversation_id
        if form is not Format.JSON:
            return await turn.stream(STREAMS[form](conversation_id, trace_id=str(self.trace_id)))
        collector = stream.TextCollector()
        await turn.collect(collector)
        return json_response(render.answer(conversation_id=conversation_id, text=collector.text))
