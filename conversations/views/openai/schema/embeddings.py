"""`/v1/embeddings` in the document (docs/contract C.7)."""

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample, extend_schema

from conversations.dialects.openai.embeddings import BASE64, FLOAT
from conversations.views.openai.embeddings import EmbeddingsView
from conversations.views.openai.schema.shapes import COUNT, QUESTION_ERRORS, TEXT, request_schema, texts
from conversations.views.openai.serializers import EmbeddingSerializer
from conversations.views.schema.components import Json, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.request_headers import DRY_RUN, IDEMPOTENCY_KEY, MAX_COST
from conversations.views.schema.responses import JSON, answer

EMBEDDING = object_of(
    {
        "object": {"type": "string", "const": "embedding"},
        "index": COUNT,
        "embedding": {"anyOf": [TEXT, {"type": "array", "items": {"type": "number"}}]},
    }
)
EMBEDDINGS = object_of(
    {
        "object": {"type": "string", "const": "list"},
        "data": {"type": "array", "items": EMBEDDING},
        "model": TEXT,
        "usage": object_of({"prompt_tokens": COUNT, "total_tokens": COUNT}),
    }
)


class EmbeddingRequest(OpenApiSerializerExtension):
    target_class = EmbeddingSerializer

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        given = {"input": texts({**TEXT, "minLength": 1})}
        options = {"encoding_format": {"type": "string", "enum": [FLOAT, BASE64]}}
        return request_schema(self, auto_schema, direction, required=given, optional=options)


describe_view(
    EmbeddingsView,
    post=extend_schema(
        operation_id="openai_embed",
        tags=["openai"],
        summary="Make vectors of texts",
        description="Numbers, or base64 of packed little-endian float32 when `encoding_format` says so. Never stored. "
        "With `async` or `callback_url` it is a task, as at `/aichat/conversations`.",
        parameters=[IDEMPOTENCY_KEY, MAX_COST, DRY_RUN],
        request={JSON: EmbeddingSerializer},
        responses={
            (200, JSON): answer(EMBEDDINGS, "A vector for each text"),
            **QUESTION_ERRORS,
        },
        examples=[
            OpenApiExample("Texts", value={"model": "echo", "input": ["Hello"]}, request_only=True, media_type=JSON)
        ],
    ),
)
