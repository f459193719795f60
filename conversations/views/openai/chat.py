"""`POST /v1/chat/completions` (api-contract.md C): one answer to the messages of a chat, whole or streamed."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import ids, upstream
from conversations.dialects.openai import parse
from conversations.turns import Format
from conversations.views import bodies, conditions
from conversations.views.openai import answers
from conversations.views.openai.doors import OpenAIDoor
from conversations.views.openai.serializers import ChatSerializer
from conversations.views.turn_door import TurnDoor, is_task

SERIALIZER = ChatSerializer()


class ChatView(OpenAIDoor, TurnDoor):
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        body = bodies.json_object(request)
        fields = bodies.validated(SERIALIZER, body)
        conversation_id = request.META.get("HTTP_X_CONVERSATION_ID", "").strip()
        beyond = {name: value for name, value in body.items() if name not in SERIALIZER.fields}
        turn = parse.parse(
            fields,
            conversation_id=conversation_id,
            new_id=ids.new_conversation_id,
            extra=upstream.taken_fields(parse.named_model(fields), beyond),
        )
        headers = conditions.read(request, body=body, turn=turn, caller=caller)
        if is_task(fields):
            return await self.accept_task(turn, fields, caller=caller, conditions=headers)
        form = Format.SSE if fields.get("stream") else Format.JSON
        opened, asked = await self.accept(
            turn,
            caller=caller,
            conditions=headers,
            is_streamed=form is Format.SSE,
        )
        return await answers.respond(opened, asked, form=form)
