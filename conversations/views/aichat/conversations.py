"""`POST /aichat/conversations` (docs/contract A): one question, answered as JSON, NDJSON or SSE."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import ids
from conversations.dialects import formats
from conversations.dialects.aichat import errors, parse
from conversations.dialects.aichat.dialect import DIALECT
from conversations.dialects.dialect import ErrorRenderer
from conversations.queries.conversations import presets
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.values.runs import Format, ReplyContext
from conversations.views.aichat.serializers import TurnSerializer
from conversations.views.http import threadpool
from conversations.views.runs.response import RunResponse
from conversations.views.runs.view import QuestionView


class ConversationsView(QuestionView):
    error_renderer: ClassVar[ErrorRenderer] = errors
    serializer: ClassVar[serializers.Serializer[Any]] = TurnSerializer()

    def own_trace_id(self, fields: Mapping[str, Any]) -> uuid.UUID | None:
        return parse.trace_id(fields)

    def named_model(self, fields: Mapping[str, Any]) -> str:
        return parse.named_model(fields)

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        return parse.parse(fields, new_id=ids.new_conversation_id)

    async def complete(self, turn: RunRequest, *, caller: Caller) -> RunRequest:
        """The turn with the model of its preset. Raises InvalidRequest when that has none either."""
        if turn.model:
            return turn
        model = await threadpool.call(
            presets.model_for, account_id=caller.account_id, preset=turn.preset, conversation_id=turn.conversation_id
        )
        if not model:
            raise parse.model_is_required()
        return replace(turn, model=model)

    def form(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format:
        return formats.negotiate(request.META.get("HTTP_ACCEPT", ""))

    async def answer(self, opened: RunResponse, asked: ReplyContext, *, form: Format) -> HttpResponseBase:
        return await opened.respond(DIALECT, asked, form=form)
