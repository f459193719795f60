"""Generation options: which go upstream, as they are, and the shape of those that are more than a value.

Types and ranges of plain values are checked before (`views/openai/serializers.py`); what a tool's schema or a
response format means is the vendor's business.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import orjson

from conversations.dialects.openai.chat import functions
from conversations.dialects.openai.shared import checks
from conversations.dialects.texts import storable_json
from conversations.errors import InvalidRequest
from providers.protocols.openai_chat.request import EXTRA

STOP_MAX = 4
BIAS_MAX = 1_024
# No token's id is longer.
TOKEN_MAX_DIGITS = 20
MODALITIES_MAX = 16
BIAS_LEAST, BIAS_MOST = -100, 100
# Values that the caller's field check has already found to be right.
PLAIN = (
    "temperature", "top_p", "n", "max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty",
    "user", "seed", "reasoning_effort", "service_tier", "logprobs", "top_logprobs", "parallel_tool_calls",
    "verbosity", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
)  # fmt: skip
# What may be passed on to a vendor that takes more than OpenAI's fields.
EXTRA_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
EXTRA_MAX_FIELDS, EXTRA_MAX_BYTES = 64, 100_000
# What other routes call the question and its conversation; and `models`, others to ask in the model's place.
NEVER_EXTRA = frozenset({
    "models", "prompt", "input", "question", "id", "conversation", "conversation_id", "task_id", "trace_id", "stateful",
    "preset", "references", "action", "application_id", "user_id", "extra_body",
})  # fmt: skip
TOOL_CHOICES = ("none", "auto", "required")
RESPONSE_FORMATS = ("text", "json_object", "json_schema")


def parse(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `fields` under their own names. Raises InvalidRequest that names the place at fault."""
    out = chosen(fields, plain=PLAIN, shaped=CHECKS)
    if "max_completion_tokens" in out:
        # The older name means the same, and vendors refuse both at once.
        out.pop("max_tokens", None)
    if "functions" in fields:
        out |= _functions(fields)
    return out


def chosen(fields: Mapping[str, Any], *, plain: Iterable[str], shaped: Iterable[str] = ()) -> dict[str, Any]:
    """Of `fields` those named, `shaped` ones checked. Raises as `parse`."""
    out = {name: storable_json(fields[name], param=name) for name in plain if name in fields}
    for name in shaped:
        if name in fields:
            out[name] = storable_json(CHECKS[name](fields[name]), param=name)
    return out


def extra_body(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that only the vendor knows, as one option; none that could be taken for ours or the protocol's.

    Names are in lower case, for there are vendors that read `Model` as `model`. Raises as `parse`.
    """
    wanted = (
        (name, value)
        for name, value in given.items()
        if value is not None and EXTRA_NAME.fullmatch(name) and name not in NEVER_EXTRA
    )
    kept = dict(islice(wanted, EXTRA_MAX_FIELDS + 1))
    if len(kept) > EXTRA_MAX_FIELDS:
        raise InvalidRequest(f"the request has more than {EXTRA_MAX_FIELDS} fields that are not OpenAI's")
    for name, value in kept.items():
        storable_json(value, param=name)
    if len(orjson.dumps(kept)) > EXTRA_MAX_BYTES:
        largest = max(kept, key=lambda name: len(orjson.dumps(kept[name])))
        checks.refuse(largest, f"is too large: fields that are not OpenAI's have {EXTRA_MAX_BYTES} bytes together")
    return {EXTRA: kept} if kept else {}


def _functions(fields: Mapping[str, Any]) -> dict[str, Any]:
    if "tools" in fields:
        checks.refuse("functions", "cannot be used together with tools")
    out: dict[str, Any] = {"tools": storable_json(functions.as_tools(fields["functions"]), param="functions")}
    if "function_call" in fields:
        out["tool_choice"] = storable_json(functions.as_tool_choice(fields["function_call"]), param="function_call")
    # An answer has room for one function_call.
    return {**out, "parallel_tool_calls": False}


def _stop(given: Any) -> Any:
    if isinstance(given, str):
        return given
    return _words(given, "stop", "must be a string or an array of strings", most=STOP_MAX)


def _words(given: Any, place: str, problem: str, *, most: int) -> list[str]:
    if not isinstance(given, list):
        checks.refuse(place, problem)
    if not all(isinstance(word, str) for word in checks.array(given, place, most=most)):
        checks.refuse(place, problem)
    return given


def _logit_bias(given: Any) -> Any:
    for token, bias in checks.obj(given, "logit_bias", most=BIAS_MAX).items():
        if not (token.isascii() and token.isdecimal() and len(token) <= TOKEN_MAX_DIGITS):
            checks.refuse("logit_bias", "must have token ids as its keys")
        is_number = isinstance(bias, int | float) and not isinstance(bias, bool)
        if not is_number or not BIAS_LEAST <= bias <= BIAS_MOST:
            checks.refuse(f"logit_bias.{token}", f"must be a number from {BIAS_LEAST} to {BIAS_MOST}")
    return given


def _tools(given: Any) -> Any:
    for index, tool in enumerate(checks.array(given, "tools", most=functions.TOOLS_MAX)):
        place = f"tools[{index}]"
        _named(checks.obj(tool, place), place)
    return given


def _named(given: dict[str, Any], place: str) -> None:
    """A `function` or `custom` tool has a name; other types are the vendor's own."""
    kind = checks.word(given, "type", place)
    if kind in ("function", "custom"):
        functions.tool_name(checks.member(given, kind, place), f"{place}.{kind}")


def _tool_choice(given: Any) -> Any:
    if given in TOOL_CHOICES:
        return given
    if not isinstance(given, dict):
        checks.refuse("tool_choice", f"must be one of {', '.join(TOOL_CHOICES)}, or an object")
    _named(given, "tool_choice")
    return given


def _response_format(given: Any) -> Any:
    kind = checks.text(checks.obj(given, "response_format"), "type", "response_format")
    if kind not in RESPONSE_FORMATS:
        checks.refuse("response_format.type", f"must be one of {', '.join(RESPONSE_FORMATS)}")
    if kind == "json_schema":
        schema = checks.member(given, "json_schema", "response_format")
        checks.word(schema, "name", "response_format.json_schema")
    return given


def _modalities(given: Any) -> Any:
    return _words(given, "modalities", "must be an array of strings", most=MODALITIES_MAX)


def _audio(given: Any) -> Any:
    audio = checks.obj(given, "audio")
    if audio.get("voice") is None:
        checks.refuse("audio.voice", "is required")
    checks.word(audio, "format", "audio")
    return given


def _prediction(given: Any) -> Any:
    checks.word(checks.obj(given, "prediction"), "type", "prediction")
    return given


CHECKS: dict[str, Callable[[Any], Any]] = {
    "stop": _stop,
    "logit_bias": _logit_bias,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "response_format": _response_format,
    "modalities": _modalities,
    "audio": _audio,
    "prediction": _prediction,
    "web_search_options": lambda given: checks.obj(given, "web_search_options"),
}
