"""Types of the request fields of `POST /v1/openapi/chat` (docs/contract D.2); the dialect gives them meaning."""

from typing import Any

from rest_framework import serializers

from conversations.dialects import model_names
from conversations.dialects.context_asked import ID_MAX_CHARS, TOOLS_MAX
from conversations.dialects.yuju.chat.parse import FIX_MAX_CHARS, INTENTS_MAX
from conversations.rules.conversations.visitor_fields import EXTERNAL_ID_MAX_CHARS
from conversations.views.bodies.fields import FlagField, ListField, ObjectField, TextField
from conversations.views.yuju.fields import IdField, NumberOrTextField


class YujuChatSerializer(serializers.Serializer[Any]):
    content = TextField(required=False, allow_null=True)
    return_format = TextField(required=False, allow_null=True)
    search = FlagField(required=False, allow_null=True)
    visitorId = IdField(most=EXTERNAL_ID_MAX_CHARS, required=False, allow_null=True)  # noqa: N815 — the wire's own spelling
    chatMode = IdField(most=model_names.MAX_CHARS, required=False, allow_null=True)  # noqa: N815
    intention = ListField(child=IdField(), most=INTENTS_MAX, required=False, allow_null=True)
    max_tokens = NumberOrTextField(required=False, allow_null=True)
    knowledge = IdField(most=ID_MAX_CHARS, required=False, allow_null=True)
    system = TextField(required=False, allow_null=True)
    tools = ListField(child=IdField(), most=TOOLS_MAX, required=False, allow_null=True)
    temperature = NumberOrTextField(required=False, allow_null=True)
    fielditem = ObjectField(required=False, allow_null=True)
    handler_type = TextField(required=False, allow_null=True)
    fix_content = TextField(most=FIX_MAX_CHARS, required=False, allow_null=True)
    stream = FlagField(required=False, allow_null=True)
    ibotID = IdField(most=ID_MAX_CHARS, required=False, allow_null=True)  # noqa: N815
    callback_url = TextField(required=False, allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        # `async` cannot be a class attribute.
        return {**super().get_fields(), "async": FlagField(required=False, allow_null=True)}
