"""`POST /v1/openapi/exposed/{action_id}/execute` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.dialects.yuju.actions import ExecutionStatus
from conversations.views.schema.components import nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.request_headers import DRY_RUN, IDEMPOTENCY_KEY, MAX_COST
from conversations.views.schema.responses import JSON, RECEIPT, errors
from conversations.views.yuju.actions.execute import ExecuteSerializer, ExecuteView
from conversations.views.yuju.actions.schema.exposed import ANYTHING, TEXT
from conversations.views.yuju.schema.shapes import YUJU_ERROR, succeeded

EXECUTION = object_of(
    {
        "id": TEXT,
        "action_used": TEXT,
        "action_used_id": TEXT,
        "input_params": nullable({"type": "object", "additionalProperties": True}),
        "result": ANYTHING,
        "status": {"type": "string", "enum": [status.value for status in ExecutionStatus]},
        "error": nullable(TEXT),
        "assistant_hint": nullable(TEXT),
        "additional_results": {"type": "array", "items": {}},
        "result_field_labels": {"type": "object"},
        "review_url": {"type": "null"},
    }
)
REFUSED = errors(400, 401, 402, 403, 404, 405, 409, 413, 429, 500, 503, 504, body=YUJU_ERROR)

describe_view(
    ExecuteView,
    post=extend_schema(
        operation_id="yuju_exposed_execute",
        tags=["yuju"],
        summary="Execute a tool, asked for in natural language",
        description="A model makes the arguments of the instructions, and is charged as for a question. The tool is "
        "called once, also when the request is sent again under its Idempotency-Key; with `preview_only` it is not.",
        parameters=[IDEMPOTENCY_KEY, MAX_COST, DRY_RUN],
        request={JSON: ExecuteSerializer},
        responses={
            (200, JSON): OpenApiResponse(
                {"anyOf": [succeeded(EXECUTION), RECEIPT]}, description="What was called, and what came of it."
            ),
            **REFUSED,
        },
    ),
)
