"""`POST /aichat/conversations` (api-contract.md A): one question, answered as JSON, NDJSON or SSE."""

from typing import ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import ids
from conversations.dialects.aichat import errors, parse, render
from conversations.dialects.aichat.render import Format
from conversations.views import authentication, bodies, conditions
from conversations.views.aichat import answers
from conversations.views.aichat.serializers import TurnSerializer
from conversations.views.doors import ErrorWords
from conversations.views.turn_door import TurnDoor

SERIALIZER = TurnSerializer()


class ConversationsView(TurnDoor):
    error_words: ClassVar[ErrorWords] = errors

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await authentication.bearer(request)
        body = bodies.json_object(request)
        turn = parse.parse(bodies.validated(SERIALIZER, body), new_id=ids.new_conversation_id)
        form = render.negotiate(request.META.get("HTTP_ACCEPT", ""))
        opened, conversation_id = await self.accept(
            turn,
            caller=caller,
            conditions=conditions.read(request, body=body, turn=turn, caller=caller),
            is_streamed=form is not Format.JSON,
        )
        return await answers.respond(opened, form=form, conversation_id=conversation_id, trace_id=str(self.trace_id))
