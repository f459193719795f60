"""`/v1/completions` and `/v1/embeddings` in the document (docs/contract C.7)."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiResponse, extend_schema

from conversations.dialects.openai.embeddings import BASE64, FLOAT
from conversations.dialects.openai.shared.text_inputs import TEXTS_MAX, TOKENS_MAX
from conversations.views.openai.completions import CompletionsView
from conversations.views.openai.embeddings import EmbeddingsView
from conversations.views.openai.schema.chat import COUNT, OBJECT, SHAPES, TEXT, USAGE
from conversations.views.openai.schema.errors import OPENAI_ERROR
from conversations.views.openai.serializers import CompletionSerializer, EmbeddingSerializer
from conversations.views.schema.components import nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.request_headers import IDEMPOTENCY_KEY
from conversations.views.schema.responses import ACKNOWLEDGEMENT, JSON, SSE, SSE_EVENT, errors

Json = dict[str, Any]

TOKENS: Json = {"type": "array", "items": COUNT, "minItems": 1, "maxItems": TOKENS_MAX}
REFUSALS = errors(400, 401, 403, 404, 405, 409, 413, 429, 500, 503, 504, body=OPENAI_ERROR)


def texts(text: Json) -> Json:
    lists = [{"type": "array", "items": item, "minItems": 1, "maxItems": TEXTS_MAX} for item in (text, TOKENS)]
    return {"anyOf": [text, TOKENS, *lists]}


PROMPT, INPUT = texts(TEXT), texts({**TEXT, "minLength": 1})
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


def mapped(extension: OpenApiSerializerExtension, made_by: AutoSchema, direction: Direction, **shapes: Json) -> Json:
    """`shapes` are what the serializer leaves to the dialect."""
    form: Json = made_by._map_serializer(extension.target, direction, bypass_extensions=True)
    form["properties"] |= {"model": {"type": "string", "minLength": 1}, **shapes}
    return form


class CompletionRequest(OpenApiSerializerExtension):
    target_class = CompletionSerializer

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        shared = {name: nullable(SHAPES[name]) for name in ("stop", "logit_bias", "stream_options")}
        return {**mapped(self, auto_schema, direction, prompt=PROMPT, **shared), "required": ["model", "prompt"]}


class EmbeddingRequest(OpenApiSerializerExtension):
    target_class = EmbeddingSerializer

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        written_as = nullable({"type": "string", "enum": [FLOAT, BASE64]})
        form = mapped(self, auto_schema, direction, input=INPUT, encoding_format=written_as)
        return {**form, "required": ["model", "input"]}


describe_view(
    CompletionsView,
    post=extend_schema(
        operation_id="openai_complete",
        tags=["openai"],
        summary="Continue texts",
        description="Whole, or as server-sent events when `stream` is true. Never stored. "
        "With `async` or `callback_url` it is a task, as at `/aichat/conversations`.",
        parameters=[IDEMPOTENCY_KEY],
        request={JSON: CompletionSerializer},
        responses={
            (200, JSON): OpenApiResponse(
                {"anyOf": [TEXT_COMPLETION, ACKNOWLEDGEMENT]}, description="The texts; of a task, that it was accepted."
            ),
            (200, SSE): OpenApiResponse(SSE_EVENT, description="`text_completion` objects, then `[DONE]`."),
            **REFUSALS,
        },
        examples=[
            OpenApiExample(
                "A text", value={"model": "echo", "prompt": "Once upon a time"}, request_only=True, media_type=JSON
            )
        ],
    ),
)
describe_view(
    EmbeddingsView,
    post=extend_schema(
        operation_id="openai_embed",
        tags=["openai"],
        summary="Make vectors of texts",
        description="Numbers, or base64 of packed little-endian float32 when `encoding_format` says so. Never stored. "
        "With `async` or `callback_url` it is a task, as at `/aichat/conversations`.",
        parameters=[IDEMPOTENCY_KEY],
        request={JSON: EmbeddingSerializer},
        responses={
            (200, JSON): OpenApiResponse(
                {"anyOf": [EMBEDDINGS, ACKNOWLEDGEMENT]},
                description="A vector for each text; of a task, that it was accepted.",
            ),
            **REFUSALS,
        },
        examples=[
            OpenApiExample("Texts", value={"model": "echo", "input": ["Hello"]}, request_only=True, media_type=JSON)
        ],
    ),
)
