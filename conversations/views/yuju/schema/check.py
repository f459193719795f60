"""`GET /v1/openapi/check` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON
from conversations.views.yuju.check import CheckView
from conversations.views.yuju.schema.shapes import NOTHING, REFUSED

describe_view(
    CheckView,
    get=extend_schema(
        operation_id="yuju_check",
        tags=["yuju"],
        summary="Whether the key is good",
        responses={(200, JSON): OpenApiResponse(NOTHING, description="It is."), **REFUSED},
    ),
)
