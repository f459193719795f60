"""Whether what came inside a 200 is a failure: gateways say so in many shapes, none of which is an answer.

What the failure means is decided in `errors.py`, to which it goes in the one shape `{"error": {…}}`.
"""

from collections.abc import Mapping
from typing import Any

from providers import untrusted

Json = dict[str, Any]

_CODES = ("error_code", "code", "errcode", "status_code")
_MESSAGES = ("message", "msg", "error_message", "error_msg", "errmsg", "status_msg", "detail")
_GOOD_CODES = frozenset({"0", "200", "ok", "success", "succeeded"})
# FastChat's codes are an HTTP status and two digits of its own.
_LONG_CODE_DIGITS = 5
_STATUS_OF_LONG_CODE = {"400": "400", "401": "401", "429": "429"}


def told_by(chunk: Mapping[str, Any]) -> Json | None:
    """The failure that stands in a chunk or in a whole body; None in a piece of an answer."""
    error = chunk.get("error")
    if isinstance(error, dict):
        return _fit({"error": error}) if any(error.values()) else None
    if error:
        return _fit({"error": _in_one_shape(chunk, message=error if isinstance(error, str) else "")})
    if chunk.get("choices"):
        return None
    for wire in (chunk, chunk.get("base_resp")):
        if isinstance(wire, dict) and _is_failure(wire):
            return _fit({"error": _in_one_shape(wire)})
    return None


def of_text(text: bytes) -> Json:
    """The failure that an event named so holds, when it is no JSON."""
    return _fit({"error": {"message": text.decode("utf-8", "replace")}})


def of_value(value: Any) -> Json:
    """The failure that an event named so holds."""
    if not isinstance(value, dict):
        return _fit({"error": {"message": value if isinstance(value, str) else ""}})
    return told_by(value) or _fit({"error": _in_one_shape(value)})


def _is_failure(wire: Mapping[str, Any]) -> bool:
    if "error" in (wire.get("object"), wire.get("type")) or wire.get("success") is False:
        return True
    code = _code(wire)
    if code and ("error_code" in wire or "errcode" in wire or "status_code" in wire):
        return True
    return bool((code and _message(wire)) or ("choices" not in wire and wire.get("detail")))


def _in_one_shape(wire: Mapping[str, Any], *, message: str = "") -> Json:
    code = _code(wire)
    if code and len(code) == _LONG_CODE_DIGITS and code.isdecimal():
        code = _STATUS_OF_LONG_CODE.get(code[:3], code)
    # FastChat words it as if the model had said it.
    words = message or _message(wire) or wire.get("text") or ""
    return {"message": words, "code": code, "type": wire.get("type"), "param": wire.get("param")}


def _code(wire: Mapping[str, Any]) -> str | None:
    """The first code that says no good."""
    given = [wire.get(name) for name in _CODES]
    codes = [str(code) for code in given if isinstance(code, str | int) and not isinstance(code, bool) and code != ""]
    return next((code for code in codes if code.lower() not in _GOOD_CODES), None)


def _message(wire: Mapping[str, Any]) -> Any:
    return next((words for name in _MESSAGES if (words := wire.get(name))), None)


def _fit(payload: Json) -> Json:
    fitting: Json = untrusted.storable(payload)
    return fitting
