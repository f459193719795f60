"""`/v1` in the document (docs/contract C); `/openai` mirrors it."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from conversations.dialects import conversation_ids
from conversations.dialects.openai.chat.functions import TOOLS_MAX
from conversations.dialects.openai.chat.options import (
    BIAS_MAX,
    MODALITIES_MAX,
    RESPONSE_FORMATS,
    STOP_MAX,
    TOOL_CHOICES,
)
from conversations.dialects.openai.chat.parse import (
    METADATA_KEY_MAX_CHARS,
    METADATA_MAX_PAIRS,
    METADATA_VALUE_MAX_CHARS,
)
from conversations.dialects.openai.chat.parts import CALLS_MAX, PARTS_MAX
from conversations.views.openai.chat import ChatView
from conversations.views.openai.models import ModelListView, ModelView
from conversations.views.openai.schema.errors import OPENAI_ERROR
from conversations.views.openai.serializers import ChatSerializer
from conversations.views.schema.components import nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.request_headers import IDEMPOTENCY_KEY, ON_BUSY
from conversations.views.schema.responses import ACKNOWLEDGEMENT, JSON, SSE, SSE_EVENT, errors

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
OBJECT: Json = {"type": "object"}
COUNT: Json = {"type": "integer", "minimum": 0}

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
# What the serializer leaves to the dialect.
SHAPES: dict[str, Json] = {
    "messages": {"type": "array", "minItems": 1, "items": MESSAGE},
    "stream_options": {"type": "object", "properties": {"include_usage": nullable({"type": "boolean"})}},
    "metadata": {
        "type": "object",
        "maxProperties": METADATA_MAX_PAIRS,
        "propertyNames": {"maxLength": METADATA_KEY_MAX_CHARS},
        "additionalProperties": {"type": "string", "maxLength": METADATA_VALUE_MAX_CHARS},
    },
    "stop": {"anyOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": STOP_MAX}]},
    "logit_bias": {
        "type": "object",
        "maxProperties": BIAS_MAX,
        "propertyNames": {"pattern": "^[0-9]+$"},
        "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
    },
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
    "web_search_options": OBJECT,
}
REQUIRED = ("model", "messages")

USAGE = object_of(
    {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "total_tokens": COUNT,
        "prompt_tokens_details": {"type": "object", "additionalProperties": COUNT},
        "completion_tokens_details": {"type": "object", "additionalProperties": COUNT},
    }
)
ANSWER = object_of(
    {
        "role": {"type": "string", "const": "assistant"},
        "content": nullable(TEXT),
        "refusal": nullable(TEXT),
        "reasoning_content": TEXT,
        "tool_calls": {"type": "array", "items": OBJECT},
    },
    optional=("reasoning_content", "tool_calls"),
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
    }
)
MODEL = object_of(
    {"id": TEXT, "object": {"type": "string", "const": "model"}, "created": COUNT, "owned_by": TEXT},
)


class ChatRequest(OpenApiSerializerExtension):
    target_class = ChatSerializer

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        mapped: Json = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        for name, shape in SHAPES.items():
            mapped["properties"][name] = shape if name in REQUIRED else nullable(shape)
        mapped["properties"]["model"] = {"type": "string", "minLength": 1}
        return {**mapped, "required": list(REQUIRED)}


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
        parameters=[IDEMPOTENCY_KEY, ON_BUSY, CONVERSATION_ID],
        request={JSON: ChatSerializer},
        responses={
            (200, JSON): OpenApiResponse(
                {"anyOf": [COMPLETION, ACKNOWLEDGEMENT]}, description="The answer; of a task, that it was accepted."
            ),
            (200, SSE): OpenApiResponse(SSE_EVENT, description="`chat.completion.chunk` objects, then `[DONE]`."),
            **errors(400, 401, 403, 404, 405, 409, 413, 429, 500, 503, 504, body=OPENAI_ERROR),
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
describe_view(
    ModelListView,
    get=extend_schema(
        operation_id="openai_models",
        tags=["openai"],
        summary="The models that are configured",
        responses={
            (200, JSON): OpenApiResponse(
                object_of(
                    {"object": {"type": "string", "const": "list"}, "data": {"type": "array", "items": MODEL}},
                ),
                description="All of them.",
            ),
            **errors(401, 403, 405, 429, 503, body=OPENAI_ERROR),
        },
    ),
)
describe_view(
    ModelView,
    get=extend_schema(
        operation_id="openai_model",
        tags=["openai"],
        summary="One model",
        description="`model` may hold slashes: OpenRouter's names do.",
        responses={
            (200, JSON): OpenApiResponse(MODEL, description="The model."),
            **errors(401, 403, 404, 405, 429, 503, body=OPENAI_ERROR),
        },
    ),
)
