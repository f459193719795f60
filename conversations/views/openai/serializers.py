"""Types and ranges of a request's plain values (docs/contract C.2, C.7). The dialect checks all structure.

The serializers are flat: nested ones cost more than everything else that happens to a request here.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from rest_framework import serializers

from conversations.rules.generation.plain_options import INT32_MAX, INTEGERS, N_MAX, NUMBERS, WORD_MAX_CHARS
from conversations.views.bodies.fields import (
    BoundedField,
    IntegerField,
    JsonField,
    NumberField,
    StrictFlagField,
    TextField,
)

COMPLETION_LOGPROBS_MAX = 5
DIMENSIONS_MAX = 65_536


def _optional(field: Callable[..., Any], **limits: Any) -> Any:
    """An optional field; null means left out."""
    return field(required=False, allow_null=True, **limits)


def _number(name: str) -> Any:
    least, most = NUMBERS[name]
    return _optional(NumberField, least=least, most=most)


def _integer(name: str) -> Any:
    least, most = INTEGERS[name]
    return _optional(IntegerField, least=least, most=most)


class TaskFieldsSerializer(serializers.Serializer[Any]):
    """Our own fields, on every route: with either of them the caller does not wait for the answer."""

    callback_url = _optional(TextField)

    def get_fields(self) -> dict[str, Any]:
        # `async` cannot be a class attribute.
        return {**super().get_fields(), "async": _optional(StrictFlagField)}


class TextSerializer(TaskFieldsSerializer):
    """What chat and completions both take."""

    model = _optional(TextField)
    stream = _optional(StrictFlagField)
    stream_options = _optional(JsonField)
    temperature = _number("temperature")
    top_p = _number("top_p")
    presence_penalty = _number("presence_penalty")
    frequency_penalty = _number("frequency_penalty")
    n = _integer("n")
    seed = _integer("seed")
    user = _optional(TextField, most=WORD_MAX_CHARS)
    stop = _optional(JsonField)
    logit_bias = _optional(JsonField)


class ChatSerializer(TextSerializer):
    messages = _optional(BoundedField, most=settings.MAX_MESSAGES)
    store = _optional(StrictFlagField)
    metadata = _optional(JsonField)

    max_tokens = _integer("max_tokens")
    max_completion_tokens = _integer("max_completion_tokens")
    logprobs = _optional(StrictFlagField)
    top_logprobs = _integer("top_logprobs")
    parallel_tool_calls = _optional(StrictFlagField)
    reasoning_effort = _optional(TextField, most=WORD_MAX_CHARS)
    verbosity = _optional(TextField, most=WORD_MAX_CHARS)
    service_tier = _optional(TextField, most=WORD_MAX_CHARS)
    safety_identifier = _optional(TextField, most=WORD_MAX_CHARS)
    prompt_cache_key = _optional(TextField, most=WORD_MAX_CHARS)
    prompt_cache_retention = _optional(TextField, most=WORD_MAX_CHARS)

    tools = _optional(JsonField)
    tool_choice = _optional(JsonField)
    functions = _optional(JsonField)
    function_call = _optional(JsonField)
    response_format = _optional(JsonField)
    modalities = _optional(JsonField)
    audio = _optional(JsonField)
    prediction = _optional(JsonField)
    web_search_options = _optional(JsonField)
    knowledge = _optional(JsonField)
    tool_ids = _optional(JsonField)


class CompletionSerializer(TextSerializer):
    prompt = _optional(JsonField)
    # 0 asks for the prompt alone, with `echo` and `logprobs`.
    max_tokens = _optional(IntegerField, least=0, most=INT32_MAX)
    best_of = _optional(IntegerField, least=1, most=N_MAX)
    logprobs = _optional(IntegerField, least=0, most=COMPLETION_LOGPROBS_MAX)
    echo = _optional(StrictFlagField)
    suffix = _optional(TextField)


class EmbeddingSerializer(TaskFieldsSerializer):
    model = _optional(TextField)
    input = _optional(JsonField)
    encoding_format = _optional(TextField, most=WORD_MAX_CHARS)
    dimensions = _optional(IntegerField, least=1, most=DIMENSIONS_MAX)
    user = _optional(TextField, most=WORD_MAX_CHARS)
