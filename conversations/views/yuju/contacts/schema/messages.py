"""`/v1/openapi/send-to-user` and `/chat/record` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.views.schema.components import Json, nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.request_headers import IDEMPOTENCY_KEY
from conversations.views.schema.responses import JSON, errors
from conversations.views.yuju.contacts import messages, records
from conversations.views.yuju.schema.shapes import OF_ONE, YUJU_ERROR, succeeded

TEXT: Json = {"type": "string"}
SENT = object_of(
    {
        "ActionStatus": {"type": "string", "const": "OK"},
        "ErrorCode": {"type": "integer", "const": 0},
        "ErrorInfo": {"type": "string", "const": ""},
        "MsgKey": TEXT,
        "MsgTime": {"type": "integer"},
    }
)
MESSAGE = object_of(
    {
        "msg": {"type": "string", "description": "JSON: ID, conversationID, from, to, time, payload, role, content, …"},
        "msg_type": {"type": "string", "enum": ["user", "assistant", "customer_service"]},
    }
)
RECORD = {
    "type": "array",
    "items": object_of(
        {
            "channel": {"type": "string", "const": "api"},
            "msg": {"type": "array", "items": MESSAGE},
            "next": {**nullable(TEXT), "description": "The `cursor` of the next page."},
        }
    ),
}

describe_view(
    messages.SendToUserView,
    post=extend_schema(
        operation_id="yuju_send_to_user",
        tags=["yuju"],
        summary="Send a message to a visitor",
        description="It stands in the visitor's thread with the assistant, as if that one had said it. No model is "
        "asked, and nothing is charged. While a question is being answered there it is refused with 409.",
        parameters=[IDEMPOTENCY_KEY],
        request={JSON: messages.MessageSerializer},
        responses={
            (200, JSON): OpenApiResponse(succeeded(SENT), description="It is in the thread."),
            **errors(400, 401, 403, 404, 405, 409, 413, 429, 503, body=YUJU_ERROR),
        },
    ),
)
describe_view(
    records.RecordView,
    get=extend_schema(
        operation_id="yuju_chat_record",
        tags=["yuju"],
        summary="What was said with a contact",
        parameters=[records.RecordParameters],
        responses={
            (200, JSON): OpenApiResponse(succeeded(RECORD), description="The oldest first; nothing where nothing is."),
            **OF_ONE,
        },
    ),
)
