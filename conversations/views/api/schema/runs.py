"""Our own API, `/api/v1`, in the document."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from conversations.values.requests import Dialect
from conversations.values.runs import Format, RunStatus
from conversations.views.api import parameters, runs
from conversations.views.schema.answers import (
    ERROR_REF,
    JSON,
    NDJSON,
    NDJSON_LINE,
    OPENAI_ERROR_REF,
    SSE,
    SSE_EVENT,
    errors,
    nullable,
    object_of,
)
from conversations.views.schema.describe import describe

TIME = {"type": "string", "format": "date-time"}
COUNT = {"type": "integer", "minimum": 0}
USAGE = object_of(
    {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "total_tokens": COUNT,
        "source": {"type": "string", "enum": ["reported", "estimated"]},
    }
)
RUN = object_of(
    {
        "id": {"type": "string"},
        "object": {"type": "string", "const": "run"},
        "status": {"type": "string", "enum": [status.value for status in RunStatus]},
        "conversation": nullable({"type": "string"}),
        "dialect": {"type": "string", "enum": [dialect.value for dialect in Dialect]},
        "model": {"type": "string"},
        "attempt": COUNT,
        "created_at": TIME,
        "claimed_at": nullable(TIME),
        "first_token_at": nullable(TIME),
        "finished_at": nullable(TIME),
        "cancel_requested_at": nullable(TIME),
        "usage": nullable(USAGE),
        "error": nullable(object_of({"code": {"type": "string"}, "message": {"type": "string"}})),
    }
)
LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": parameters.PAGE_MAX, "default": parameters.PAGE_DEFAULT},
)
RUN_ANSWER = {(200, JSON): OpenApiResponse(RUN, description="The run."), **errors(400, 401, 403, 404, 405, 429, 503)}


describe(
    runs.RunListView,
    get=extend_schema(
        operation_id="runs_list",
        tags=["runs"],
        summary="Your runs, newest first",
        parameters=[
            OpenApiParameter("conversation", str, description="Only those of this conversation."),
            OpenApiParameter("status", str, enum=[status.value for status in RunStatus]),
            OpenApiParameter("cursor", str, description="Where the page before ended: part of its `next`."),
            LIMIT,
        ],
        responses={
            (200, JSON): OpenApiResponse(
                object_of({"results": {"type": "array", "items": RUN}, "next": nullable({"type": "string"})}),
                description="One page; follow `next` until it is null.",
            ),
            **errors(400, 401, 403, 405, 429, 503),
        },
    ),
)
describe(
    runs.RunView,
    get=extend_schema(operation_id="runs_get", tags=["runs"], summary="One run", responses=RUN_ANSWER),
)
describe(
    runs.RunCancelView,
    post=extend_schema(
        operation_id="runs_cancel", tags=["runs"], summary="Stop a run", request=None, responses=RUN_ANSWER
    ),
)
describe(
    runs.RunStreamView,
    get=extend_schema(
        operation_id="runs_stream",
        tags=["runs"],
        summary="Pick up a run's stream",
        description="In the dialect the run was asked in; from any position, as often as you like.",
        parameters=[
            OpenApiParameter(
                "starting_after",
                {"type": "integer", "minimum": 0, "maximum": runs.MAX_POSITION, "default": 0},
                description="The last position that was read.",
            ),
            OpenApiParameter("Last-Event-ID", str, "header", description="The same, as SSE clients send it."),
            OpenApiParameter("format", str, enum=[form.value for form in Format], description="Before `Accept`."),
        ],
        responses={
            (200, JSON): OpenApiResponse({"type": "object"}, description="The whole answer."),
            (200, NDJSON): OpenApiResponse(NDJSON_LINE, description="The answer's lines."),
            (200, SSE): OpenApiResponse(SSE_EVENT, description="The answer's events."),
            **errors(400, 401, 403, 404, 405, 409, 429, 500, 503, 504, body={"anyOf": [ERROR_REF, OPENAI_ERROR_REF]}),
        },
    ),
)
