"""Parts of the OpenAPI document that are written by hand: JSON Schema, and the components that families register."""

from typing import Any

Json = dict[str, Any]

SCHEMAS: dict[str, Json] = {}
# The error body of every family: the list is complete once all descriptions have been imported.
ERROR_BODIES: list[Json] = []


def object_of(properties: Json, *, optional: tuple[str, ...] = ()) -> Json:
    """An object that has all of these members, except perhaps the optional ones."""
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def nullable(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def error_body(name: str, schema: Json) -> Json:
    """Registers a family's error body as a component; returns the reference to it."""
    SCHEMAS[name] = schema
    ref = {"$ref": f"#/components/schemas/{name}"}
    ERROR_BODIES.append(ref)
    return ref
