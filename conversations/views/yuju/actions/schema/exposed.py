"""`/v1/openapi/exposed` and `/intentions` in the document."""

from drf_spectacular.utils import OpenApiResponse, extend_schema

from conversations.views.schema.components import Json, nullable, object_of
from conversations.views.schema.operations import describe_view
from conversations.views.schema.responses import JSON
from conversations.views.yuju.actions import exposed
from conversations.views.yuju.schema.shapes import REFUSED, succeeded

TEXT: Json = {"type": "string"}
ANYTHING: Json = {}
ACTION = object_of(
    {
        "id": TEXT,
        "name": TEXT,
        "description": TEXT,
        "params": {"type": "object", "additionalProperties": True, "description": "A JSON Schema of the arguments."},
        "needs_approval": {"type": "boolean", "description": "Such an action cannot be executed by itself."},
    }
)
LOGGED = object_of(
    {
        "id": TEXT,
        "action_used": TEXT,
        "action_used_id": TEXT,
        "input_params": ANYTHING,
        "result": ANYTHING,
        "status": TEXT,
        "error": nullable(TEXT),
        "run_id": TEXT,
        "seconds": nullable({"type": "number"}),
        "create_time": TEXT,
    }
)
INTENT = object_of({"id": TEXT, "name": TEXT})


def list_of(item: Json) -> Json:
    return {"type": "array", "items": item}


describe_view(
    exposed.ExposedView,
    get=extend_schema(
        operation_id="yuju_exposed_list",
        tags=["yuju"],
        summary="The tools that can be executed",
        responses={
            (200, JSON): OpenApiResponse(succeeded(list_of(ACTION)), description="All that are enabled."),
            **REFUSED,
        },
    ),
)
describe_view(
    exposed.LogsView,
    get=extend_schema(
        operation_id="yuju_exposed_logs",
        tags=["yuju"],
        summary="The calls of tools, newest first",
        parameters=[exposed.LogParameters],
        responses={
            (200, JSON): OpenApiResponse(
                succeeded(object_of({"list": list_of(LOGGED), "next": nullable(TEXT)})),
                description="One page; `next` is the `cursor` of the next one.",
            ),
            **REFUSED,
        },
    ),
)
describe_view(
    exposed.IntentionsView,
    get=extend_schema(
        operation_id="yuju_intentions",
        tags=["yuju"],
        summary="The intents",
        responses={(200, JSON): OpenApiResponse(succeeded(list_of(INTENT)), description="All of them."), **REFUSED},
    ),
)
