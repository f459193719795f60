"""The parameters of a stored preset: generation options, checked as those of a request, and fields of a vendor.

Nothing that a request decides for itself is among them: its model, its messages, how it is answered.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from conversations.errors import InvalidRequest
from conversations.rules import checks
from conversations.rules.generation import plain_options, structured_options
from conversations.rules.texts import storable_json
from providers.messages import EXTRA_BODY

# Smaller than the bounds of a request: every turn with the preset carries the parameters.
MAX_BYTES = 100_000
ANSWER_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
RESERVED = structured_options.NEVER_EXTRA | {
    "model", "messages", "stream", "stream_options", "store", "metadata", "async", "callback_url", "encoding_format",
    "functions", "function_call", "suffix", "echo", "best_of", "dimensions",
}  # fmt: skip


def checked(given: Any, *, param: str = "parameters") -> dict[str, Any]:
    """The parameters as they are stored, without nulls. Raises InvalidRequest that names the one at fault.

    `param` is what they are called where they are given.
    """
    if not isinstance(given, Mapping):
        raise InvalidRequest('must be an object, such as {"temperature": 0.2}', param=param)
    kept = {name: _checked(name, value, param) for name, value in given.items() if value is not None}
    try:
        size = len(orjson.dumps(kept))
    except TypeError as exc:
        raise InvalidRequest(f"{param} hold a whole number beyond 64 bits", param=param) from exc
    if size > MAX_BYTES:
        raise InvalidRequest(f"{param} have more than {MAX_BYTES} bytes", param=param)
    return kept


def usable(stored: str) -> dict[str, Any]:
    """The options in a stored preset's JSON; a vendor's fields are under one name, as in a request.

    What the rules would refuse today is left out: a row may be older than the rules, or written by somebody else.
    """
    if len(stored) > MAX_BYTES:
        return {}
    try:
        given = orjson.loads(stored)
    except orjson.JSONDecodeError:
        given = None
    return usable_of(given) if isinstance(given, dict) else {}


def usable_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same of JSON that was read already, and is no larger than MAX_BYTES."""
    kept = {name: value for name, value in given.items() if value is not None and _is_usable(name, value)}
    extra = {name: value for name, value in kept.items() if not _is_option(name)}
    out = {name: value for name, value in kept.items() if _is_option(name)} | ({EXTRA_BODY: extra} if extra else {})
    if "max_completion_tokens" in out:
        out.pop("max_tokens", None)
    return out


def with_own(preset: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The turn's own options replace the preset's, also where one limit has two names."""
    limits = ANSWER_LIMITS if not ANSWER_LIMITS.isdisjoint(own) else ()
    options = {name: value for name, value in preset.items() if name not in limits} | dict(own)
    if EXTRA_BODY in preset and EXTRA_BODY in own:
        options[EXTRA_BODY] = {**preset[EXTRA_BODY], **own[EXTRA_BODY]}
    return options


def _is_option(name: str) -> bool:
    return name in plain_options.NAMES or name in structured_options.CHECKS


def _is_usable(name: str, value: Any) -> bool:
    try:
        _checked(name, value, "parameters")
    except InvalidRequest:
        return False
    return True


def _checked(name: str, value: Any, param: str) -> Any:
    if name in RESERVED:
        checks.refuse(name, "is said by each request, not by a preset")
    if name in plain_options.NAMES:
        return plain_options.checked(name, value)
    if name in structured_options.CHECKS:
        return storable_json(structured_options.CHECKS[name](value), param=name)
    if not structured_options.EXTRA_NAME.fullmatch(name):
        raise InvalidRequest(f"{param} have names of a-z, 0-9 and _, of at most 64 characters", param=param)
    return storable_json(value, param=name)
