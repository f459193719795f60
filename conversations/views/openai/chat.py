"""`POST /v1/chat/completions` (docs/contract C): one answer to the messages of a chat, whole or streamed."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework import serializers

from conversations import ids, routing
from conversations.dialects.openai.chat import parse
from conversations.rules import key_rights
from conversations.rules.assistants import models
from conversations.values.assistants import AssistantConfig, Given
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.views.openai.run_view import OpenAIRunView
from conversations.views.openai.serializers import ChatSerializer
from providers.messages import EXTRA_BODY


class ChatView(OpenAIRunView):
    client_scope: ClassVar[str | None] = key_rights.OPENAI
    serializer: ClassVar[serializers.Serializer[Any]] = ChatSerializer()
    context_fields: ClassVar[Mapping[str, Given]] = {
        "knowledge": Given.KNOWLEDGE,
        "web_search_options": Given.SEARCH,
        parse.TOOL_IDS: Given.TOOLS,
    }

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        beyond = {name: value for name, value in body.items() if name not in self.serializer.fields}
        model = self.named_model(fields)
        return parse.parse(
            fields,
            conversation_id=request.META.get("HTTP_X_CONVERSATION_ID", "").strip(),
            new_id=ids.new_conversation_id,
            # Which model an assistant has, and what it takes, is found out later.
            extra=beyond if models.is_assistant(model) else routing.taken_fields(model, beyond),
        )

    def with_assistant(self, run_request: RunRequest, config: AssistantConfig, *, caller: Caller) -> RunRequest:
        extra = run_request.options.get(EXTRA_BODY, {})
        taken = parse.with_extra(run_request, routing.taken_fields(config.model, extra))
        return parse.with_context(super().with_assistant(taken, config, caller=caller))
