"""What answers say of their sources, in the OpenAPI document: the same members in every family (docs/contract P.1)."""

from conversations.views.schema.components import Json

# Described with `/api/v1/runs`, whose serializers they come from.
SOURCES: Json = {
    "sources": {"type": "array", "items": {"$ref": "#/components/schemas/Source"}},
    "citations": {"type": "array", "items": {"$ref": "#/components/schemas/Citation"}},
    "notes": {"type": "object", "additionalProperties": {"type": "string"}},
    "intents": {"type": "array", "items": {"$ref": "#/components/schemas/IntentMatch"}},
}
NAMES = tuple(SOURCES)
