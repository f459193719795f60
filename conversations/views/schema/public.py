"""The routes that need no key, in the OpenAPI document: health, readiness and the document itself.

They are written by hand: two are plain functions, which drf-spectacular does not look at.
"""

from conversations.views.schema import document
from conversations.views.schema.components import Json, object_of
from conversations.views.schema.responses import DESCRIPTIONS, JSON

HEALTHY = object_of({"status": {"type": "string", "const": "ok"}})
READY = object_of(
    {
        "status": {"type": "string", "enum": ["ok", "unavailable"]},
        "failing": {"type": "array", "items": {"type": "string"}},
    }
)


def _get(operation_id: str, tag: str, summary: str, responses: Json) -> Json:
    answers = {**responses, "405": {"description": DESCRIPTIONS[405]}}
    operation = {"operationId": operation_id, "tags": [tag], "summary": summary, "security": [], "responses": answers}
    return {"get": operation}


def _answer(schema: Json, description: str, content_type: str = JSON) -> Json:
    return {"description": description, "content": {content_type: {"schema": schema}}}


PATHS: Json = {
    "/healthz": _get("healthz", "health", "Whether this web process is alive", {"200": _answer(HEALTHY, "It is.")}),
    "/readyz": _get(
        "readyz",
        "health",
        "Whether a turn would be answered",
        {"200": _answer(READY, "It would."), "503": _answer(READY, "It would not; `failing` says why.")},
    ),
    "/api/schema": _get(
        "schema",
        "schema",
        "This document",
        {"200": _answer({"type": "object"}, "As it was written.", document.CONTENT_TYPE)},
    ),
}
