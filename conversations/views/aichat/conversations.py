"""`POST /aichat/conversations` (api-contract.md A): one question, answered as JSON, NDJSON or SSE."""

from dataclasses import replace
from typing import ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import ids
from conversations.dialects.aichat import errors, parse, render
from conversations.queries import presets
from conversations.services.accounts import Caller
from conversations.turns import Format, TurnRequest
from conversations.views import blocking, bodies, conditions
from conversations.views.aichat import answers
from conversations.views.aichat.serializers import TurnSerializer
from conversations.views.doors import ErrorWords
from conversations.views.turn_door import TurnDoor, is_task

SERIALIZER = TurnSerializer()


class ConversationsView(TurnDoor):
    error_words: ClassVar[ErrorWords] = errors

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        body = bodies.json_object(request)
        fields = bodies.validated(SERIALIZER, body)
        self.trace_id = parse.trace_id(fields) or self.trace_id
        turn = parse.parse(fields, new_id=ids.new_conversation_id)
        if not turn.model:
            turn = await _with_model(turn, caller)
        headers = conditions.read(request, body=body, turn=turn, caller=caller)
        if is_task(fields):
            return await self.accept_task(turn, fields, caller=caller, conditions=headers)
        form = render.negotiate(request.META.get("HTTP_ACCEPT", ""))
        opened, asked = await self.accept(
            turn,
            caller=caller,
            conditions=headers,
            is_streamed=form is not Format.JSON,
        )
        return await answers.respond(opened, asked, form=form)


async def _with_model(turn: TurnRequest, caller: Caller) -> TurnRequest:
    """The turn with its preset's model. Raises InvalidRequest when that has none either."""
    model = await blocking.call(
        presets.model_for, account_id=caller.account_id, preset=turn.preset, conversation_id=turn.conversation_id
    )
    if not model:
        raise parse.model_is_required()
    return replace(turn, model=model)
