"""The shapes that answers of `/aichat` and of our own API share in the document."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

Json = dict[str, Any]

JSON, NDJSON, SSE = "application/json", "application/x-ndjson", "text/event-stream"
DESCRIPTIONS = {
    400: "The request is not valid, or has no key.",
    401: "The key is wrong.",
    403: "The account is disabled or has as many as it may have, or the model withheld its answer.",
    404: "There is no such thing here.",
    405: "The method is not allowed here.",
    409: "Busy, asked before with another body, or stopped before there was an answer.",
    413: "The body is too large.",
    429: "The key or its account asks for too much, or the vendor limits us; Retry-After says when to come back.",
    500: "The model, its vendor or this service failed.",
    503: "The service cannot take the request right now.",
    504: "The answer took too long.",
}

KEY = "key"
ERROR: Json = {
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
}

OPENAI_ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        },
    },
}
COMPONENTS = {"Error": ERROR, "OpenAIError": OPENAI_ERROR}
ERROR_REF: Json = {"$ref": "#/components/schemas/Error"}
OPENAI_ERROR_REF: Json = {"$ref": "#/components/schemas/OpenAIError"}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, "header", description="Keeps a repeated request from asking the model twice, for 24 hours."
)
ON_BUSY = OpenApiParameter(
    "X-On-Busy",
    str,
    "header",
    enum=["queue", "reject", "replace", ""],
    description="What becomes of a message whose conversation is busy with another one; empty is `queue`.",
)
# Of one server-sent event, and of one NDJSON line.
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
    },
}


def object_of(properties: Json, *, optional: tuple[str, ...] = ()) -> Json:
    """An object that has all of these members, but for the optional ones."""
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def nullable(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def errors(*statuses: int, body: Json = ERROR_REF) -> dict[tuple[int, str], OpenApiResponse]:
    return {(status, JSON): OpenApiResponse(body, description=DESCRIPTIONS[status]) for status in statuses}


# Of a turn whose asker does not wait, in every family.
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
