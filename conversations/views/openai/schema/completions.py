"""`/v1/completions` in the document (docs/contract C.7)."""

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample, extend_schema

from conversations.views.openai.completions import CompletionsView
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
    texts,
)
from conversations.views.openai.serializers import CompletionSerializer
from conversations.views.schema.components import Json, nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.request_headers import DRY_RUN, IDEMPOTENCY_KEY, MAX_COST
from conversations.views.schema.responses import JSON, SSE, answer, events

TEXT_CHOICE = object_of({"text": TEXT, "index": COUNT, "logprobs": nullable(OBJECT), "finish_reason": TEXT})
TEXT_COMPLETION = object_of(
    {
        "id": TEXT,
        "object": {"type": "string", "const": "text_completion"},
        "created": COUNT,
        "model": TEXT,
        "choices": {"type": "array", "items": TEXT_CHOICE},
        "usage": USAGE,
    }
)
TEXT_CHUNK = object_of(
    {
        **TEXT_COMPLETION["properties"],
        "choices": {
            "type": "array",
            "items": object_of({**TEXT_CHOICE["properties"], "finish_reason": nullable(TEXT)}),
        },
        "usage": nullable(USAGE),
    },
    optional=("usage",),
)


class CompletionRequest(OpenApiSerializerExtension):
    target_class = CompletionSerializer

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        options = {"stop": STOP, "logit_bias": LOGIT_BIAS, "stream_options": STREAM_OPTIONS}
        return request_schema(self, auto_schema, direction, required={"prompt": texts(TEXT)}, optional=options)


describe_view(
    CompletionsView,
    post=extend_schema(
        operation_id="openai_complete",
        tags=["openai"],
        summary="Continue texts",
        description="Whole, or as server-sent events when `stream` is true. Never stored. "
        "With `async` or `callback_url` it is a task, as at `/aichat/conversations`.",
        parameters=[IDEMPOTENCY_KEY, MAX_COST, DRY_RUN],
        request={JSON: CompletionSerializer},
        responses={
            (200, JSON): answer(TEXT_COMPLETION, "The texts"),
            (200, SSE): events(
                {"anyOf": [TEXT_CHUNK, OPENAI_ERROR]}, "Pieces, then `[DONE]`; no `[DONE]` after an error."
            ),
            **QUESTION_ERRORS,
        },
        examples=[
            OpenApiExample(
                "A text", value={"model": "echo", "prompt": "Once upon a time"}, request_only=True, media_type=JSON
            )
        ],
    ),
)
