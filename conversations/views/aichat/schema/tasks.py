"""Polling tasks at `/aichat/tasks`, in the document (docs/contract A.9)."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.views.aichat.tasks import TasksSerializer, TasksView
from conversations.views.schema.components import Json, nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import ERROR, JSON, errors

TEXT: Json = {"type": "string"}
SECONDS = nullable({"type": "number"})
TASK = object_of(
    {
        "_id": TEXT,
        "id": TEXT,
        "trace_id": TEXT,
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
TASKS = object_of({"items": {"type": "array", "items": TASK}, "count": {"type": "integer"}})


def operation(operation_id: str, tag: str, *, error: Json) -> Callable[[Any], Any]:
    """The same at the route of every family, with its own error body."""
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


describe_view(TasksView, post=operation("aichat_tasks", "aichat", error=ERROR))
