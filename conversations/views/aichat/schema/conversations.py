"""`/aichat` in the document (docs/contract A)."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from conversations.views.aichat.conversations import ConversationsView
from conversations.views.aichat.serializers import TurnSerializer
from conversations.views.schema import answer_members
from conversations.views.schema.components import object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.request_headers import DRY_RUN, IDEMPOTENCY_KEY, MAX_COST, ON_BUSY
from conversations.views.schema.responses import JSON, NDJSON, NDJSON_LINE, SSE, answer, errors, events

TEXT = {"type": "string"}
ANSWER = object_of({"id": TEXT, "answer": TEXT, **answer_members.MEMBERS}, optional=answer_members.NAMES)
EVENT = object_of(
    {
        "delta_answer": TEXT,
        "id": TEXT,
        "thinking": {**TEXT, "description": "A piece of the model's thoughts, beside an empty delta."},
        "error": {"type": "object", "description": "Of an answer that failed; with `trace_id`."},
        "trace_id": TEXT,
        **answer_members.MEMBERS,
    },
    optional=("thinking", "error", "trace_id", *answer_members.NAMES),
)
QUESTION_SHOWN = OpenApiExample(
    "A question that is remembered",
    value={"model": "echo", "question": "Hello", "stateful": True},
    request_only=True,
    media_type=JSON,
)
ANSWER_SHOWN = OpenApiExample(
    "Its answer",
    value={"id": "36fa8d90-91d8-4c7a-8b39-6c3c6cf3cc34", "answer": "[echo] Received 1 message."},
    response_only=True,
    media_type=JSON,
    status_codes=["200"],
)

describe_view(
    ConversationsView,
    post=extend_schema(
        operation_id="aichat_ask",
        tags=["aichat"],
        summary="Ask one question",
        description="Answers as JSON, as NDJSON or as server-sent events, whichever `Accept` names first. With "
        "`async` or `callback_url` it is a task: accepted at once, and answered by callback and when polled.",
        parameters=[IDEMPOTENCY_KEY, ON_BUSY, MAX_COST, DRY_RUN],
        request={JSON: TurnSerializer},
        responses={
            (200, JSON): answer(ANSWER, "The answer"),
            (200, NDJSON): OpenApiResponse(NDJSON_LINE, description="One line per step; `answer` grows."),
            (200, SSE): events(EVENT, "Deltas, then `[DONE]`."),
            **errors(400, 401, 403, 404, 405, 409, 413, 429, 500, 503, 504),
        },
        examples=[QUESTION_SHOWN, ANSWER_SHOWN],
    ),
)
