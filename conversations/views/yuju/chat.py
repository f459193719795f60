"""`POST /v1/openapi/chat` (docs/contract D): one question to an assistant, answered as JSON or SSE."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from rest_framework import serializers

from conversations import ids, routing
from conversations.dialects.dialect import Dialect
from conversations.dialects.yuju.chat import parse, turn
from conversations.dialects.yuju.chat.parse import Asked
from conversations.dialects.yuju.dialect import DIALECT
from conversations.values.assistants import AssistantConfig, AssistantKind
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.values.runs import Format
from conversations.views.runs.view import RunView
from conversations.views.yuju.base import YujuView
from conversations.views.yuju.serializers import YujuChatSerializer


class ChatView(YujuView, RunView):
    dialect: ClassVar[Dialect] = DIALECT
    serializer: ClassVar[serializers.Serializer[Any]] = YujuChatSerializer()
    # Between parsing the body and knowing its assistant.
    asked: Asked

    def named_model(self, fields: Mapping[str, Any]) -> str:
        """Whether `chatMode` means anything depends on the assistant."""
        return ""

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        self.asked = parse.parse(fields)
        return turn.draft(self.asked)

    async def resolve_model(self, run_request: RunRequest, *, caller: Caller) -> RunRequest:
        asked = self.asked
        del self.asked
        config = AssistantConfig(0, "", 0, AssistantKind.DIALOGUE, "Default", model=settings.DEFAULT_MODEL)
        found = turn.of(asked, config, thread="", new_id=ids.new_conversation_id())
        routing.entry_for(found.model, operation=self.operation, patterns=caller.models)
        return found

    def answer_format(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format:
        return Format.SSE if fields.get("stream") else Format.JSON
