"""Parts of the OpenAPI document that are written by hand: JSON Schema, and the components that families register."""

from typing import Any

Json = dict[str, Any]

SCHEMAS: dict[str, Json] = {}
# The error body of every family: the list is complete once all descriptions have been imported.
ERROR_BODIES: list[Json] = []

# Swagger UI puts the cursor into the last one's field.
SECURITY_SCHEMES: Json = {
    "apiKey": {
        "type": "apiKey",
        "in": "query",
        "name": "apiKey",
        "description": "A key or token at `/v1/openapi`, whose clients send it in the query.",
    },
    "access_token": {
        "type": "apiKey",
        "in": "query",
        "name": "access_token",
        "description": "A client token alone, for an EventSource, which cannot send headers. Never an API key.",
    },
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, or a client token, at every route."},
}
TAGS: list[Json] = [
    {"name": "aichat", "description": "AceData's family: a question with memory, at `/aichat`"},
    {"name": "openai", "description": "OpenAI's family, at `/v1`, and the same at `/openai`"},
    {"name": "yuju", "description": "Yuju's family: assistants and their visitors, at `/v1/openapi`"},
    {"name": "runs", "description": "Questions on their way: looked at, stopped, picked up again"},
    {"name": "conversations", "description": "What is kept of them, and how it is erased"},
    {"name": "assistants", "description": "Named ways of answering, in versions"},
    {"name": "intents", "description": "What visitors may want"},
    {"name": "visitors", "description": "Your end users"},
    {"name": "knowledge", "description": "Documents that turns look things up in"},
    {"name": "tools", "description": "What models may call"},
    {"name": "keys", "description": "API keys"},
    {"name": "client tokens", "description": "What a browser has instead of a key"},
    {"name": "money", "description": "Balance, usage and costs"},
    {"name": "webhooks", "description": "Events, where they are sent, and what came of it"},
    {"name": "upstreams", "description": "For operators: vendors and their keys"},
    {"name": "health", "description": "Without a key"},
    {"name": "schema", "description": "This document"},
]


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
