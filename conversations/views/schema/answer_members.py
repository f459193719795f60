"""What answers have beside their text, in the OpenAPI document: the same members in every family.

Those of sources (docs/contract P.1), and those of a run that waits for an approval (docs/tool-runs.md).
"""

from conversations.values.runs import RunStatus
from conversations.views.schema.components import Json, object_of

TEXT: Json = {"type": "string"}

# Described with `/api/v1/runs`, whose serializers they come from.
SOURCES: Json = {
    "sources": {"type": "array", "items": {"$ref": "#/components/schemas/Source"}},
    "citations": {"type": "array", "items": {"$ref": "#/components/schemas/Citation"}},
    "notes": {"type": "object", "additionalProperties": TEXT},
    "intents": {"type": "array", "items": {"$ref": "#/components/schemas/IntentMatch"}},
}
REQUIRED_CALL = object_of(
    {"id": TEXT, "name": TEXT, "arguments": {**TEXT, "description": "JSON, as the model wrote it."}}
)
REQUIRED: Json = {
    "status": {
        "type": "string",
        "const": RunStatus.REQUIRES_ACTION.value,
        "description": "Only where calls of tools wait for an approval; the next two stand beside it.",
    },
    "run_id": {**TEXT, "description": "Of the run to approve or refuse: `/api/v1/runs/{run_id}/approve`."},
    "required_action": object_of({"tool_calls": {"type": "array", "items": REQUIRED_CALL}}),
}
MEMBERS: Json = {**SOURCES, **REQUIRED}
NAMES = tuple(MEMBERS)
