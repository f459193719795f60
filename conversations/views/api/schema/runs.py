"""`/api/v1/runs` in the document."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from conversations.resources.runs.receipts import ReceiptSerializer
from conversations.resources.runs.runs import OperatorRunSerializer, RunPageSerializer, RunSerializer
from conversations.views.api import runs, stream_parameters
from conversations.views.api.tools import approvals
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import (
    ANY_ERROR,
    JSON,
    NDJSON,
    NDJSON_LINE,
    OF_ONE,
    SSE,
    SSE_EVENT,
    errors,
    one,
    page,
)

RUN_RESPONSES = {
    (200, JSON): OpenApiResponse(RunSerializer, description="The run."),
    **OF_ONE,
}

describe_view(
    runs.RunListView,
    get=extend_schema(
        operation_id="runs_list",
        tags=["runs"],
        summary="Your runs, newest first",
        parameters=[runs.RunListParameters],
        responses=page(RunPageSerializer),
    ),
)
describe_view(
    runs.RunDetailView,
    get=extend_schema(
        operation_id="runs_get",
        tags=["runs"],
        summary="One run",
        responses={
            **RUN_RESPONSES,
            (200, JSON): OpenApiResponse(OperatorRunSerializer, description="The run."),
        },
    ),
)
describe_view(
    runs.RunContextView,
    get=extend_schema(
        operation_id="runs_context",
        tags=["runs"],
        summary="What was sent upstream for a run",
        description="Once it has ended; for a run that nothing stores, until its content is erased.",
        parameters=[runs.ReceiptParameters],
        responses=one(ReceiptSerializer, "The receipt.", errors(400, 401, 403, 404, 405, 409, 429, 503)),
    ),
)
describe_view(
    runs.RunCancelView,
    post=extend_schema(
        operation_id="runs_cancel", tags=["runs"], summary="Stop a run", request=None, responses=RUN_RESPONSES
    ),
)
for view, operation, summary in (
    (approvals.RunApproveView, "runs_approve", "Agree to tool calls that a run waits for"),
    (approvals.RunRefuseView, "runs_refuse", "Refuse tool calls that a run waits for"),
):
    describe_view(
        view,
        post=extend_schema(
            operation_id=operation,
            tags=["runs"],
            summary=summary,
            description="The run goes on once nothing waits any more. Saying the same again changes nothing.",
            request={"application/json": approvals.DecisionSerializer},
            responses={**RUN_RESPONSES, **errors(409)},
        ),
    )
describe_view(
    runs.RunStreamView,
    get=extend_schema(
        operation_id="runs_stream",
        tags=["runs"],
        summary="Pick up a run's stream",
        description="In the dialect the run was asked in; from any position, as often as you like.",
        parameters=[
            stream_parameters.StreamParameters,
            OpenApiParameter(
                stream_parameters.LAST_EVENT_ID, str, "header", description="The same, as SSE clients send it."
            ),
        ],
        responses={
            (200, JSON): OpenApiResponse({"type": "object"}, description="The whole answer."),
            (200, NDJSON): OpenApiResponse(NDJSON_LINE, description="The answer's lines."),
            (200, SSE): OpenApiResponse(SSE_EVENT, description="The answer's events."),
            **errors(400, 401, 403, 404, 405, 409, 429, 500, 503, 504, body=ANY_ERROR),
        },
    ),
)
