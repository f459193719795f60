"""`POST /v1/openapi/chat` in the document (docs/contract D)."""

from drf_spectacular.utils import OpenApiExample, extend_schema

from conversations.views.schema import answer_members
from conversations.views.schema.components import Json, nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.request_headers import DRY_RUN, IDEMPOTENCY_KEY, MAX_COST, ON_BUSY
from conversations.views.schema.responses import JSON, SSE, answer, errors, events
from conversations.views.yuju.chat import ChatView
from conversations.views.yuju.schema.shapes import YUJU_ERROR
from conversations.views.yuju.serializers import YujuChatSerializer

TEXT: Json = {"type": "string"}
SAID: Json = {
    "desc": TEXT,
    "content": {"type": "string", "description": "The same text as `desc`."},
    "msgKey": {"type": "string", "description": "Of this call; also the `msg_id` of `cost/details`."},
    "visitorId": nullable(TEXT),
}
END: Json = {
    "source": {
        "type": "array",
        "description": "All that the model was shown, in the order of its numbers. Texts are HTML.",
        "items": object_of({"link": TEXT, "snippet": TEXT, "title": TEXT}),
    },
    "usage": object_of({"total_cost": {"type": "number", "description": "In the account's currency."}}),
}
ANSWER = object_of({**SAID, **END, **answer_members.MEMBERS}, optional=answer_members.NAMES)
THOUGHT: Json = {**TEXT, "description": "A piece of the model's thoughts, beside an empty text."}
EVENT = object_of(
    {**SAID, "thinking": THOUGHT, **END, **answer_members.MEMBERS}, optional=("thinking", *END, *answer_members.NAMES)
)
QUESTION_SHOWN = OpenApiExample(
    "A question to the default assistant",
    value={"content": "你好", "visitorId": "10086", "stream": False},
    request_only=True,
    media_type=JSON,
)
ANSWER_SHOWN = OpenApiExample(
    "Its answer",
    value={
        "desc": "[echo] Received 1 message. The last question: 你好",
        "content": "[echo] Received 1 message. The last question: 你好",
        "msgKey": "api_0193f27a-6b49-4701-b688-6b9ac2346147",
        "visitorId": "10086",
        "source": [],
        "usage": {"total_cost": 0.0},
    },
    response_only=True,
    media_type=JSON,
    status_codes=["200"],
)

describe_view(
    ChatView,
    post=extend_schema(
        operation_id="yuju_chat",
        tags=["yuju"],
        summary="Ask an assistant",
        description="Answers as JSON, or with `stream` as server-sent events. With `async` or `callback_url` it is a "
        "task: accepted at once, and answered by callback and when polled at `/v1/tasks` or `/aichat/tasks`.",
        parameters=[IDEMPOTENCY_KEY, ON_BUSY, MAX_COST, DRY_RUN],
        request={JSON: YujuChatSerializer},
        responses={
            (200, JSON): answer(ANSWER, "The answer"),
            (200, SSE): events(
                {"anyOf": [EVENT, YUJU_ERROR]}, "Deltas; the last one has `source` and `usage`. Then `[DONE]`."
            ),
            **errors(400, 401, 402, 403, 404, 405, 409, 413, 429, 500, 503, 504, body=YUJU_ERROR),
        },
        examples=[QUESTION_SHOWN, ANSWER_SHOWN],
    ),
)
