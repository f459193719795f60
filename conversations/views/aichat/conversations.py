"""`POST /aichat/conversations` (docs/contract A): one question, answered as JSON, NDJSON or SSE."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework import serializers

from conversations import ids
from conversations.dialects import formats
from conversations.dialects.aichat import parse
from conversations.dialects.aichat.dialect import DIALECT
from conversations.dialects.dialect import Dialect
from conversations.queries.conversations import presets
from conversations.rules import key_rights
from conversations.values.assistants import AssistantConfig, Given
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.values.runs import Format
from conversations.views.aichat.serializers import TurnSerializer
from conversations.views.http import threadpool
from conversations.views.runs.view import RunView


class ConversationsView(RunView):
    error_renderer = DIALECT.errors
    scope: ClassVar[str] = key_rights.AICHAT
    client_scope: ClassVar[str | None] = key_rights.AICHAT
    dialect: ClassVar[Dialect] = DIALECT
    serializer: ClassVar[serializers.Serializer[Any]] = TurnSerializer()
    context_fields: ClassVar[Mapping[str, Given]] = {
        "knowledge": Given.KNOWLEDGE,
        "search": Given.SEARCH,
        "tools": Given.TOOLS,
    }

    def own_trace_id(self, fields: Mapping[str, Any]) -> uuid.UUID | None:
        return parse.trace_id(fields)

    def named_model(self, fields: Mapping[str, Any]) -> str:
        return parse.named_model(fields)

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        return parse.parse(fields, new_id=ids.new_conversation_id)

    async def resolve(self, run_request: RunRequest, *, caller: Caller) -> RunRequest:
        """Raises InvalidRequest also when the preset has no model either."""
        if run_request.model:
            return await super().resolve(run_request, caller=caller)
        model = await threadpool.call(
            presets.model_for,
            account_id=caller.account_id,
            preset=run_request.preset,
            conversation_id=run_request.conversation_id,
        )
        if not model:
            raise parse.model_is_required()
        return parse.with_model(run_request, model)

    def with_assistant(self, run_request: RunRequest, config: AssistantConfig, *, caller: Caller) -> RunRequest:
        resolved = super().with_assistant(run_request, config, caller=caller)
        return parse.with_model(resolved, resolved.model)

    def answer_format(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format:
        return formats.negotiate(request.META.get("HTTP_ACCEPT", ""))
