"""`POST /v1/chat/completions` (docs/contract C): one answer to the messages of a chat, whole or streamed."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework import serializers

from conversations import ids, routing
from conversations.dialects.openai.chat import parse
from conversations.rules import key_rights
from conversations.values.requests import RunRequest
from conversations.views.openai.run_view import OpenAIRunView
from conversations.views.openai.serializers import ChatSerializer


class ChatView(OpenAIRunView):
    client_scope: ClassVar[str | None] = key_rights.OPENAI
    serializer: ClassVar[serializers.Serializer[Any]] = ChatSerializer()

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        beyond = {name: value for name, value in body.items() if name not in self.serializer.fields}
        return parse.parse(
            fields,
            conversation_id=request.META.get("HTTP_X_CONVERSATION_ID", "").strip(),
            new_id=ids.new_conversation_id,
            extra=routing.taken_fields(self.named_model(fields), beyond),
        )
