"""Polling tasks, in the document (docs/contract A.9): the same at the route of every family."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.views.runs.tasks import TasksSerializer
from conversations.views.schema.components import Json, nullable, object_of
from conversations.views.schema.responses import JSON, errors

TEXT: Json = {"type": "string"}
SECONDS = nullable({"type": "number"})
TASK = object_of(
    {
        "_id": TEXT,
        "id": TEXT,
        "trace_id": TEXT,
        # The vendor's service has ids there.
        "application_id": {"type": "null"},
        "user_id": {"type": "null"},
        "credential_id": {"type": "null"},
        "type": {"type": "string", "enum": ["chat", "completion", "embedding"]},
        "status": {"type": "string", "enum": ["queued", "processing", "succeeded", "failed"]},
        "created_at": {"type": "number"},
        "started_at": SECONDS,
        "finished_at": SECONDS,
        "elapsed": SECONDS,
        "request": {"type": "object"},
        "response": nullable({"type": "object"}),
    }
)
TASKS = object_of(
    {
        "items": {"type": "array", "items": TASK},
        "count": {"type": "integer"},
        "next_offset": {"type": "integer", "description": "Only where the answers were too large for one page."},
    },
    optional=("next_offset",),
)


def operation(operation_id: str, tag: str, *, error: Json) -> Callable[[Any], Any]:
    """`error`: the error body of the family."""
    return extend_schema(
        operation_id=operation_id,
        tags=[tag],
        summary="Poll turns that were asked with async or callback_url",
        description="Those of all routes, whichever family polls.",
        request={JSON: TasksSerializer},
        responses={
            (200, JSON): OpenApiResponse(
                {"anyOf": [TASK, TASKS, {"type": "object", "maxProperties": 0}]},
                description="The task, or an empty object when there is none; for `retrieve_batch` many.",
            ),
            **errors(400, 401, 403, 405, 413, 429, 503, body=error),
        },
    )
