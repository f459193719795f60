"""What the routes have in common whose turns no conversation keeps."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.turns import Format, TurnRequest
from conversations.views import bodies, conditions
from conversations.views.openai import answers
from conversations.views.openai.doors import OpenAIDoor
from conversations.views.turn_door import TurnDoor, is_task


class Asking(Protocol):
    """The dialect's module for the route."""

    def turn(self, fields: Mapping[str, Any]) -> TurnRequest: ...


class BareTextView(OpenAIDoor, TurnDoor):
    """`dialect` makes a turn of the fields that `serializer` has checked."""

    serializer: ClassVar[serializers.Serializer[Any]]
    dialect: ClassVar[Asking]

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        body = bodies.json_object(request)
        fields = bodies.validated(self.serializer, body)
        turn = self.dialect.turn(fields)
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
