"""Generation options: which go upstream, as they are, and the shape of those that are more than a value.

Types and ranges of plain values are checked before (`views/openai/serializers.py`); what a tool's schema or a
response format means is the vendor's business.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conversations.dialects.openai import checks, functions
from conversations.dialects.texts import storable_json

STOP_MAX = 4
BIAS_LEAST, BIAS_MOST = -100, 100
# Values that the caller's field check has already found to be right.
PLAIN = (
    "temperature", "top_p", "n", "max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty",
    "user", "seed", "reasoning_effort", "service_tier", "logprobs", "top_logprobs", "parallel_tool_calls",
    "verbosity", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
)  # fmt: skip
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
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        checks.refuse("stop", "must be a string or an array of strings")
    if len(given) > STOP_MAX:
        checks.refuse("stop", f"has more than {STOP_MAX} elements")
    return given


def _logit_bias(given: Any) -> Any:
    for token, bias in checks.obj(given, "logit_bias").items():
        if not (token.isascii() and token.isdecimal()):
            checks.refuse("logit_bias", "must have token ids as its keys")
        is_number = isinstance(bias, int | float) and not isinstance(bias, bool)
        if not is_number or not BIAS_LEAST <= bias <= BIAS_MOST:
            checks.refuse(f"logit_bias.{token}", f"must be a number from {BIAS_LEAST} to {BIAS_MOST}")
    return given


def _tools(given: Any) -> Any:
    for index, tool in enumerate(checks.array(given, "tools")):
        place = f"tools[{index}]"
        _named(checks.obj(tool, place), place)
    return given


def _named(given: dict[str, Any], place: str) -> None:
    """A `function` or `custom` tool has a name; other types are the vendor's own."""
    kind = checks.word(given, "type", place)
    if kind in ("function", "custom"):
        checks.word(checks.member(given, kind, place), "name", f"{place}.{kind}")


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
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        checks.refuse("modalities", "must be an array of strings")
    return given


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
