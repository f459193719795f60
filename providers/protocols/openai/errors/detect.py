"""Whether a body or chunk inside a 200 is a failure: gateways report failures in many shapes.

What the failure means is decided in `mapping.py`.
"""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

_CODES = ("error_code", "code", "errcode", "status_code")
_MESSAGES = ("message", "msg", "error_message", "error_msg", "errmsg", "status_msg", "detail")
_GOOD_CODES = frozenset({"0", "200", "ok", "success", "succeeded"})
# FastChat's codes are an HTTP status and two more digits; not all of them mean what that status means.
_STATUS_OF_LONG_CODE = {"400": 400, "401": 401, "429": 429}
_LONG_CODE_DIGITS = 5


def error_in(chunk: Json) -> Json | None:
    """The failure in a chunk or in a whole body; None when it is part of an answer."""
    error = chunk.get("error")
    if error and not (isinstance(error, dict) and not any(error.values())):
        return chunk
    if error or chunk.get("choices"):
        return None
    if _is_failure(chunk):
        return _with_short_code(chunk)
    details = chunk.get("base_resp")
    return chunk if isinstance(details, dict) and _is_failure(details) else None


def error_event(value: Any) -> Json:
    """The failure in an event that is named `error`, whatever its data is."""
    return _with_short_code(value) if isinstance(value, dict) else {"message": value if isinstance(value, str) else ""}


def _is_failure(wire: Json) -> bool:
    if "error" in (wire.get("object"), wire.get("type")) or wire.get("success") is False:
        return True
    code = _code(wire)
    if code and ("error_code" in wire or "errcode" in wire or "status_code" in wire):
        return True
    return bool((code and any(map(wire.get, _MESSAGES))) or ("choices" not in wire and wire.get("detail")))


def _with_short_code(wire: Json) -> Json:
    code = _code(wire) or ""
    status = _STATUS_OF_LONG_CODE.get(code[:3]) if len(code) == _LONG_CODE_DIGITS and code.isdecimal() else None
    return wire if status is None else {**wire, "code": status}


def _code(wire: Json) -> str | None:
    """The first code that does not mean success."""
    given = [wire.get(name) for name in _CODES]
    codes = [str(code) for code in given if isinstance(code, str | int) and not isinstance(code, bool) and code != ""]
    return next((code for code in codes if code.lower() not in _GOOD_CODES), None)
