"""JSON Schema that several routes of `/v1` share."""

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from conversations.dialects.openai.shared.text_inputs import TEXTS_MAX, TOKENS_MAX
from conversations.rules.generation.structured_options import BIAS_MAX, STOP_MAX
from conversations.views.openai.schema.errors import OPENAI_ERROR
from conversations.views.schema.components import Json, nullable, object_of
from conversations.views.schema.responses import errors

TEXT: Json = {"type": "string"}
OBJECT: Json = {"type": "object"}
COUNT: Json = {"type": "integer", "minimum": 0}

STOP: Json = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": STOP_MAX}]}
LOGIT_BIAS: Json = {
    "type": "object",
    "maxProperties": BIAS_MAX,
    "propertyNames": {"pattern": "^[0-9]+$"},
    "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
}
STREAM_OPTIONS: Json = {"type": "object", "properties": {"include_usage": nullable({"type": "boolean"})}}
TOKENS: Json = {"type": "array", "items": COUNT, "minItems": 1, "maxItems": TOKENS_MAX}

USAGE = object_of(
    {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "total_tokens": COUNT,
        "prompt_tokens_details": {"type": "object", "additionalProperties": COUNT},
        "completion_tokens_details": {"type": "object", "additionalProperties": COUNT},
    }
)

QUESTION_ERRORS = errors(400, 401, 403, 404, 405, 409, 413, 429, 500, 503, 504, body=OPENAI_ERROR)


def texts(text: Json) -> Json:
    """A text, its tokens, or a list of either."""
    lists = [{"type": "array", "items": item, "minItems": 1, "maxItems": TEXTS_MAX} for item in (text, TOKENS)]
    return {"anyOf": [text, TOKENS, *lists]}


def request_schema(
    extension: OpenApiSerializerExtension,
    auto_schema: AutoSchema,
    direction: Direction,
    *,
    required: dict[str, Json],
    optional: dict[str, Json],
) -> Json:
    """The serializer's fields, with the shapes of those that it leaves to the dialect; any optional one may be null."""
    schema: Json = auto_schema._map_serializer(extension.target, direction, bypass_extensions=True)
    model = {"model": {"type": "string", "minLength": 1}}
    schema["properties"] |= {name: nullable(shape) for name, shape in optional.items()} | required | model
    return {**schema, "required": ["model", *required]}
