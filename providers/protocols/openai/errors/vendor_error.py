"""A vendor's error object, read from whatever shape it came in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers import untrusted
from providers.protocols.openai.errors import causes
from providers.protocols.openai.errors.causes import Cause

# Codes, types and names of fields: they are stored with a run and sent on to our caller.
MAX_WORD_CHARACTERS = 100
# How much of a message is searched for a known sentence; gateways put their own text before the vendor's. Far more
# than is shown, so that a key at the end of what is shown is not cut in half before it is redacted.
_READ_CHARACTERS = 8000
LAST_STATUS = 599


@dataclass(frozen=True, slots=True)
class VendorError:
    """What the vendor wrote. `is_flagged`: it names what its moderation found."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    is_flagged: bool = False

    @property
    def cause(self) -> Cause | None:
        if self.is_flagged:
            return Cause.CONTENT
        return causes.cause_of(self.message, (self.code, self.type))


def from_body(body: bytes) -> VendorError:
    """Never raises. A body that is not JSON is some HTML page, of no use to our caller: its error is empty."""
    try:
        return from_json(untrusted.loads(body))
    except ValueError:
        return VendorError()


def from_json(payload: Any) -> VendorError:
    """`{"error": {…}}`, `{"error": "…"}`, `{"detail": …}`, `{"message": …}`, or a list of one of those."""
    outer = _first_object(payload)
    inner = _first_object(outer.get("error") or outer.get("base_resp") or outer)
    metadata = _first_object(inner.get("metadata"))
    return VendorError(
        message=_message(inner) or _message(outer) or _text(outer.get("error")),
        code=_first_word(inner, outer, names=("code", "error_code", "status_code")),
        type=_first_word(inner, names=("type", "error_type", "status")),
        param=_word(inner.get("param")),
        is_flagged=bool(metadata.get("reasons") or metadata.get("flagged_input")),
    )


def _first_object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else {}


def _message(holder: Mapping[str, Any]) -> str:
    names = ("message", "msg", "detail", "error_msg", "status_msg")
    return next((_text(holder[name]) for name in names if holder.get(name)), "")


def _text(value: Any) -> str:
    """A message that is an object or a list is shown as JSON."""
    if isinstance(value, dict | list) and value:
        value = json.dumps(untrusted.storable(value), ensure_ascii=False, separators=(",", ":"))
    return untrusted.text(value[:_READ_CHARACTERS]) if isinstance(value, str) else ""


def _first_word(*holders: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    words = (_word(holder.get(name)) for holder in holders for name in names)
    return next((word for word in words if word is not None), None)


def _word(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) <= LAST_STATUS:
        value = int(value)
    is_word = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return untrusted.text(str(value), most=MAX_WORD_CHARACTERS) if is_word else None
