"""Responses that several families give, in the OpenAPI document."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework.serializers import Serializer

from conversations.views.schema import answer_members
from conversations.views.schema.components import ERROR_BODIES, Json, error_body, nullable, object_of

JSON, NDJSON, SSE = "application/json", "application/x-ndjson", "text/event-stream"
DESCRIPTIONS = {
    400: "The request is not valid, or has no key.",
    401: "The key is wrong, was revoked or has expired.",
    402: "The balance or the calls of the account are used up.",
    403: "The key may not do this, the account is disabled, has as many as it may have or has used up its balance, the "
    "model has no price, or the answer was withheld.",
    404: "There is no such thing here.",
    405: "The method is not allowed here.",
    409: "Busy, asked before with another body, or stopped before there was an answer.",
    412: "It no longer has the ETag that If-Match names.",
    413: "The body is too large.",
    415: "The body is of a media type that is not understood here.",
    429: "The key or its account asks for too much, or the vendor limits us; Retry-After says when to come back. "
    "At `/v1` also what the account has used up, with `insufficient_quota`.",
    500: "The model, its vendor or this service failed.",
    503: "The service cannot take the request right now.",
    504: "The answer took too long.",
}

# Of `/aichat` and of our own API.
ERROR = error_body(
    "Error",
    {
        "type": "object",
        "required": ["error", "trace_id"],
        "additionalProperties": False,
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            },
            "trace_id": {"type": "string", "format": "uuid"},
        },
    },
)
# Of a route that answers in the dialect of the run that it is about.
ANY_ERROR: Json = {"anyOf": ERROR_BODIES}

# One server-sent event, and one line of NDJSON.
SSE_EVENT: Json = {
    "type": "object",
    "required": ["data"],
    "properties": {"id": {"type": "string"}, "data": {"type": "string"}},
}
NDJSON_LINE: Json = {
    "type": "object",
    "required": ["answer", "delta_answer", "id"],
    "properties": {
        "answer": {"type": "string", "description": "All of it so far."},
        "delta_answer": {"type": "string"},
        "id": {"type": "string"},
        "thinking": {"type": "string", "description": "A piece of the model's thoughts, beside an empty delta."},
        "error": {"type": "object", "description": "On the last line of an answer that failed; with `trace_id`."},
        "trace_id": {"type": "string"},
        **answer_members.MEMBERS,
    },
}
# Every family's answer to a turn that was asked with `async` or `callback_url`.
ACKNOWLEDGEMENT: Json = object_of(
    {
        "success": {"type": "boolean", "const": True},
        "task_id": {"type": "string"},
        "trace_id": {"type": "string"},
        "id": nullable({"type": "string"}),
        "conversation_id": nullable({"type": "string"}),
        "status": {"type": "string", "const": "queued"},
    }
)
# The component that `/api/v1/runs/{run_id}/context` makes of ReceiptSerializer.
RECEIPT: Json = {"$ref": "#/components/schemas/Receipt"}


def events(data: Json, description: str) -> OpenApiResponse:
    """The 200 of a stream of server-sent events. `data`: the JSON of each but the `[DONE]` at the end."""
    written = {"type": "string", "contentMediaType": JSON, "contentSchema": data}
    text = {"anyOf": [{"type": "string", "const": "[DONE]"}, written]}
    return OpenApiResponse(
        {**SSE_EVENT, "properties": {**SSE_EVENT["properties"], "data": text}}, description=description
    )


def errors(*statuses: int, body: Json = ERROR) -> dict[tuple[int, str], OpenApiResponse]:
    return {(status, JSON): OpenApiResponse(body, description=DESCRIPTIONS[status]) for status in statuses}


# What a route of `/api/v1` may refuse: one whose path has no id, one about one thing, and one that is sent a body.
WITHOUT_ID = errors(400, 401, 403, 405, 429, 503)
OF_ONE = errors(400, 401, 403, 404, 405, 429, 503)
WITH_BODY = errors(400, 401, 403, 404, 405, 413, 429, 503)


def one(body: Any, description: str, refused: dict[Any, Any], *, status: int = 200) -> dict[Any, Any]:
    """All responses of a route of `/api/v1` that answers with one thing. `body`: its serializer, or JSON Schema."""
    return {(status, JSON): OpenApiResponse(body, description=description), **refused}


def page(serializer: type[Serializer[Any]]) -> dict[tuple[int, str], OpenApiResponse]:
    """All responses of a list of `/api/v1`."""
    one = OpenApiResponse(serializer, description="One page; follow `next` until it is null.")
    return {(200, JSON): one, **WITHOUT_ID}


def answer(document: Json, description: str) -> OpenApiResponse:
    """The 200 of a route that asks a model: its own document, for a task the acknowledgement, else the receipt."""
    return OpenApiResponse(
        {"anyOf": [document, ACKNOWLEDGEMENT, RECEIPT]},
        description=f"{description}; of a task, that it was accepted; of a dry run, what would be sent.",
    )
