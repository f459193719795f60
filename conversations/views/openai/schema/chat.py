"""`/v1/chat/completions` in the document (docs/contract C)."""

from typing import get_args

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiParameter, extend_schema

from conversations.dialects import conversation_ids
from conversations.dialects.openai.chat.parse import (
    METADATA_KEY_MAX_CHARS,
    METADATA_MAX_PAIRS,
    METADATA_VALUE_MAX_CHARS,
)
from conversations.dialects.openai.chat.parts import CALLS_MAX, PARTS_MAX
from conversations.rules.generation.structured_options import (
    MODALITIES_MAX,
    RESPONSE_FORMATS,
    TOOL_CHOICES,
    TOOLS_MAX,
)
from conversations.values.context.sources import SearchSize
from conversations.views.openai.chat import ChatView
from conversations.views.openai.schema.errors import OPENAI_ERROR
from conversations.views.openai.schema.shapes import (
    COUNT,
    LOGIT_BIAS,
    OBJECT,
    QUESTION_ERRORS,
    STOP,
    STREAM_OPTIONS,
    TEXT,
    USAGE,
    request_schema,
)
from conversations.views.openai.serializers import ChatSerializer
from conversations.views.schema import answer_members
from conversations.views.schema.components import Json, nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.request_headers import DRY_RUN, IDEMPOTENCY_KEY, MAX_COST, ON_BUSY
from conversations.views.schema.responses import JSON, SSE, answer, events

CONTENT: Json = {"anyOf": [TEXT, {"type": "array", "items": OBJECT, "maxItems": PARTS_MAX}, {"type": "null"}]}
MESSAGE: Json = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"type": "string", "enum": ["system", "developer", "user", "assistant", "tool", "function"]},
        "content": CONTENT,
        "name": nullable(TEXT),
        "tool_calls": nullable({"type": "array", "items": OBJECT, "maxItems": CALLS_MAX}),
        "tool_call_id": nullable(TEXT),
        "reasoning_content": nullable(TEXT),
    },
}
TOOL: Json = {"type": "object", "required": ["type"], "properties": {"type": TEXT, "function": OBJECT}}
MESSAGES: Json = {"type": "array", "minItems": 1, "items": MESSAGE}
PLACE: dict[str, Json] = {
    "country": nullable({"type": "string", "pattern": "^([A-Za-z]{2})?$"}),
    "city": nullable(TEXT),
    "region": nullable(TEXT),
    "timezone": nullable(TEXT),
}
USER_LOCATION: Json = {
    "type": "object",
    "properties": {
        "type": nullable({"type": "string", "const": "approximate"}),
        "approximate": nullable({"type": "object", "properties": PLACE}),
        **PLACE,
    },
}
WEB_SEARCH_OPTIONS: Json = {
    "type": "object",
    "properties": {
        "search_context_size": nullable({"type": "string", "enum": list(get_args(SearchSize))}),
        "user_location": nullable(USER_LOCATION),
    },
}
# What the serializer leaves to the dialect.
OPTIONS: dict[str, Json] = {
    "stream_options": STREAM_OPTIONS,
    "metadata": {
        "type": "object",
        "maxProperties": METADATA_MAX_PAIRS,
        "propertyNames": {"maxLength": METADATA_KEY_MAX_CHARS},
        "additionalProperties": {"type": "string", "maxLength": METADATA_VALUE_MAX_CHARS},
    },
    "stop": STOP,
    "logit_bias": LOGIT_BIAS,
    "tools": {"type": "array", "items": TOOL, "maxItems": TOOLS_MAX},
    "tool_choice": {"anyOf": [{"type": "string", "enum": list(TOOL_CHOICES)}, OBJECT]},
    "functions": {"type": "array", "items": OBJECT, "maxItems": TOOLS_MAX},
    "response_format": {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"type": "string", "enum": list(RESPONSE_FORMATS)}},
    },
    "modalities": {"type": "array", "items": TEXT, "maxItems": MODALITIES_MAX},
    "audio": {"type": "object", "required": ["voice", "format"]},
    "prediction": {"type": "object", "required": ["type"], "properties": {"type": TEXT}},
    "web_search_options": WEB_SEARCH_OPTIONS,
}
ANSWER = object_of(
    {
        "role": {"type": "string", "const": "assistant"},
        "content": nullable(TEXT),
        "refusal": nullable(TEXT),
        "reasoning_content": TEXT,
        "tool_calls": {"type": "array", "items": OBJECT},
        "annotations": {"type": "array", "items": OBJECT},
    },
    optional=("reasoning_content", "tool_calls", "annotations"),
)
CHOICE = object_of({"index": COUNT, "message": ANSWER, "logprobs": nullable(OBJECT), "finish_reason": TEXT})
COMPLETION = object_of(
    {
        "id": TEXT,
        "object": {"type": "string", "const": "chat.completion"},
        "created": COUNT,
        "model": TEXT,
        "choices": {"type": "array", "items": CHOICE},
        "usage": nullable(USAGE),
        **answer_members.MEMBERS,
    },
    optional=answer_members.NAMES,
)
CHUNK_CHOICE = object_of(
    {"index": COUNT, "delta": OBJECT, "logprobs": nullable(OBJECT), "finish_reason": nullable(TEXT)},
    optional=("logprobs",),
)
CHUNK = object_of(
    {
        "id": TEXT,
        "object": {"type": "string", "const": "chat.completion.chunk"},
        "created": COUNT,
        "model": TEXT,
        "choices": {"type": "array", "items": CHUNK_CHOICE},
        "usage": nullable(USAGE),
        **answer_members.MEMBERS,
    },
    optional=("usage", *answer_members.NAMES),
)


class ChatRequest(OpenApiSerializerExtension):
    target_class = ChatSerializer

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        made = request_schema(self, auto_schema, direction, required={"messages": MESSAGES}, optional=OPTIONS)
        made["properties"]["model"] |= {"description": "The name of a model, or `assistant:<id>`."}
        return made


CONVERSATION_ID = OpenApiParameter(
    "X-Conversation-Id",
    {"type": "string", "pattern": f"^[A-Za-z0-9._-]{{0,{conversation_ids.MAX_CHARS}}}$"},
    "header",
    description="The conversation to continue, and to keep this turn in.",
)

describe_view(
    ChatView,
    post=extend_schema(
        operation_id="openai_chat",
        tags=["openai"],
        summary="Answer a chat",
        description="Whole, or as server-sent events when `stream` is true. `store` keeps the turn. "
        "With `async` or `callback_url` it is a task, as at `/aichat/conversations`.",
        parameters=[IDEMPOTENCY_KEY, ON_BUSY, MAX_COST, DRY_RUN, CONVERSATION_ID],
        request={JSON: ChatSerializer},
        responses={
            (200, JSON): answer(COMPLETION, "The answer"),
            (200, SSE): events({"anyOf": [CHUNK, OPENAI_ERROR]}, "Chunks, then `[DONE]`; no `[DONE]` after an error."),
            **QUESTION_ERRORS,
        },
        examples=[
            OpenApiExample(
                "A question",
                value={"model": "echo", "messages": [{"role": "user", "content": "Hello"}]},
                request_only=True,
                media_type=JSON,
            )
        ],
    ),
)
