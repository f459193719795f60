"""Generation options that are more than one value (docs/contract C.2): their shape, for requests and stored presets.

What a tool's schema or a response format means is the vendor's business.
"""

import re
from collections.abc import Callable
from typing import Any, get_args

from conversations.rules import checks
from conversations.rules.checks import Json
from conversations.values.context.sources import SearchSize

STOP_MAX = 4
BIAS_MAX = 1_024
# No token id is longer.
TOKEN_MAX_DIGITS = 20
MODALITIES_MAX = 16
BIAS_LEAST, BIAS_MOST = -100, 100
# OpenAI's bound for `tools`, and for `functions` before them.
TOOLS_MAX = 128
# As long as the name of an answer's call may be (protocols/openai/chat/tool_calls.py), which comes back in the history.
TOOL_NAME_MAX_CHARS = 256
# Names of fields that may be passed on to a vendor that takes more than OpenAI's.
EXTRA_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# Names that other routes have for the question and its conversation, and `models`, which names substitutes.
NEVER_EXTRA = frozenset({
    "models", "prompt", "input", "question", "id", "conversation", "conversation_id", "task_id", "trace_id", "stateful",
    "preset", "references", "action", "application_id", "user_id", "extra_body",
})  # fmt: skip
TOOL_CHOICES = ("none", "auto", "required")
RESPONSE_FORMATS = ("text", "json_object", "json_schema")
COUNTRY = re.compile(r"[A-Za-z]{2}")


def tool_name(given: Json, path: str) -> str:
    """The name of a function or another tool, wherever one is given. Raises InvalidRequest."""
    return checks.short(checks.nonempty_text(given, "name", path), f"{path}.name", most=TOOL_NAME_MAX_CHARS)


def _stop(given: Any) -> Any:
    if isinstance(given, str):
        return given
    return _words(given, "stop", "must be a string or an array of strings", most=STOP_MAX)


def _words(given: Any, path: str, problem: str, *, most: int) -> list[str]:
    if not isinstance(given, list):
        checks.refuse(path, problem)
    if not all(isinstance(word, str) for word in checks.array(given, path, most=most)):
        checks.refuse(path, problem)
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
    for index, tool in enumerate(checks.array(given, "tools", most=TOOLS_MAX)):
        path = f"tools[{index}]"
        _named(checks.obj(tool, path), path)
    return given


def _named(given: dict[str, Any], path: str) -> None:
    """Checks the name of a `function` or `custom` tool; other types are the vendor's own."""
    kind = checks.nonempty_text(given, "type", path)
    if kind in ("function", "custom"):
        tool_name(checks.member(given, kind, path), f"{path}.{kind}")


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
        checks.nonempty_text(schema, "name", "response_format.json_schema")
    return given


def _modalities(given: Any) -> Any:
    return _words(given, "modalities", "must be an array of strings", most=MODALITIES_MAX)


def _audio(given: Any) -> Any:
    audio = checks.obj(given, "audio")
    if audio.get("voice") is None:
        checks.refuse("audio.voice", "is required")
    checks.nonempty_text(audio, "format", "audio")
    return given


def _prediction(given: Any) -> Any:
    checks.nonempty_text(checks.obj(given, "prediction"), "type", "prediction")
    return given


def _web_search_options(given: Any) -> Any:
    """Vendors have members of their own here, also `country` beside `latitude`: only those of OpenAI are checked."""
    path = "web_search_options"
    options = checks.obj(given, path)
    if (size := options.get("search_context_size")) is not None and size not in get_args(SearchSize):
        checks.refuse(f"{path}.search_context_size", f"must be one of {', '.join(get_args(SearchSize))}")
    if (location := options.get("user_location")) is not None:
        _user_location(checks.obj(location, f"{path}.user_location"), f"{path}.user_location")
    return given


def _user_location(location: Json, path: str) -> None:
    if location.get("type") not in (None, "approximate"):
        checks.refuse(f"{path}.type", 'must be "approximate"')
    _place(location, path)
    if (place := location.get("approximate")) is not None:
        _place(checks.obj(place, f"{path}.approximate"), f"{path}.approximate")


def _place(place: Json, path: str) -> None:
    for name in ("city", "region", "timezone", "country"):
        checks.optional_text(place, name, path)
    if (country := place.get("country")) and not COUNTRY.fullmatch(country):
        checks.refuse(f"{path}.country", "must be a code of two letters (ISO 3166-1)")


CHECKS: dict[str, Callable[[Any], Any]] = {
    "stop": _stop,
    "logit_bias": _logit_bias,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "response_format": _response_format,
    "modalities": _modalities,
    "audio": _audio,
    "prediction": _prediction,
    "web_search_options": _web_search_options,
}
