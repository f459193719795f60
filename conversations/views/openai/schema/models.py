"""`/v1/models` in the document (docs/contract C.7)."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.views.openai.models import ModelDetailView, ModelListView
from conversations.views.openai.schema.errors import OPENAI_ERROR
from conversations.views.openai.schema.shapes import COUNT, TEXT
from conversations.views.schema.components import object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON, errors, one

MODEL = object_of(
    {"id": TEXT, "object": {"type": "string", "const": "model"}, "created": COUNT, "owned_by": TEXT},
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
    ModelDetailView,
    get=extend_schema(
        operation_id="openai_model",
        tags=["openai"],
        summary="One model",
        description="`model` may hold slashes: OpenRouter's names do.",
        responses=one(MODEL, "The model.", errors(401, 403, 404, 405, 429, 503, body=OPENAI_ERROR)),
    ),
)
