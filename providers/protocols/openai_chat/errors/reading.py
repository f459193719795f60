"""What a vendor's error means: HTTP status and body, or an error object inside a 200, to one of our errors."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers import untrusted
from providers.errors import (
    ContentRefused,
    ContextTooLong,
    ModelNotFound,
    ProviderError,
    RequestTooLarge,
    UpstreamAuthFailed,
    UpstreamForbidden,
    UpstreamGarbled,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from providers.protocols.openai_chat.errors import subjects
from providers.protocols.openai_chat.errors.subjects import Subject

MAX_MESSAGE_CHARACTERS = 1000
# Codes, types and the names of fields: they are kept beside a run and go on to our caller.
MAX_WORD_CHARACTERS = 100
# What is looked through for a known sentence; gateways put theirs in front of the vendor's. Far more than is shown,
# so that no half of a key is left where the rest was cut off.
_READ_CHARACTERS = 8000
REDACTED = "[redacted]"
# Names of the operator's account, which vendors put into what is shown to the caller.
_ACCOUNT = re.compile(
    r"\b(?:org|proj|ak|sk)[-_](?=[A-Za-z]*\d)[A-Za-z0-9]{12,}"
    r"|(?<=Team: )[\w-]+|(?<=team )[0-9a-f-]{36}|(?<=API key ID: )[\w-]+",
    re.IGNORECASE,
)
# What an error object without a usable status says in words, and the status it stands for.
_STATUS_OF_WORD = {
    "rate_limited": 429,
    "slow_down": 429,
    "invalid_request_error": 400,
    "bad_request": 400,
    "not_found_error": 404,
    "permission_error": 403,
    "timeout": 408,
}
_STATUS_OF_SUBJECT = {
    Subject.MONEY: 402,
    Subject.KEY: 401,
    Subject.REGION: 403,
    Subject.CONTENT: 400,
    Subject.RATE: 429,
    Subject.CONTEXT: 400,
    Subject.OUTPUT: 400,
    Subject.MODEL: 404,
}
_REJECTED_FOR: dict[Subject | None, type[ProviderError]] = {
    Subject.MONEY: UpstreamAuthFailed,
    Subject.KEY: UpstreamAuthFailed,
    Subject.REGION: UpstreamForbidden,
    Subject.CONTENT: ContentRefused,
    Subject.CONTEXT: ContextTooLong,
    Subject.MODEL: ModelNotFound,
}
# Everything else that is forbidden is forbidden to our key.
_FORBIDDEN_FOR: dict[Subject | None, type[ProviderError]] = {
    Subject.REGION: UpstreamForbidden,
    Subject.CONTENT: UpstreamForbidden,
    Subject.MODEL: ModelNotFound,
}
_CLIENT_ERRORS, _SERVER_ERRORS, _LAST_STATUS = 400, 500, 599
_FORBIDDEN, _TOO_LARGE, _NOTHING_THERE = 403, 413, (404, 405)


@dataclass(frozen=True, slots=True)
class VendorError:
    """The vendor's words, whatever shape they came in. `is_flagged`: moderation said what it found."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    is_flagged: bool = False

    @property
    def subject(self) -> Subject | None:
        if self.is_flagged:
            return Subject.CONTENT
        return subjects.subject_of(self.message, (self.code, self.type))


def from_response(
    *,
    status: int,
    body: bytes,
    label: str,
    secret: str = "",
    retry_after: float | None = None,
    request_id: str | None = None,
) -> ProviderError:
    """The error for a status that is not 2xx. The message never holds `secret`."""
    vendor_error = read_vendor_error(body)
    return _error(
        vendor_error, status=status, label=label, secret=secret, retry_after=retry_after, request_id=request_id
    )


def from_payload(
    payload: Mapping[str, Any], *, label: str, secret: str = "", request_id: str | None = None
) -> ProviderError:
    """The error for an error object inside a 200, as its body or in the middle of a stream."""
    vendor_error = _vendor_error(payload)
    return _error(vendor_error, status=_status_of(vendor_error), label=label, secret=secret, request_id=request_id)


def read_vendor_error(body: bytes) -> VendorError:
    """Never raises: a body that is not JSON is somebody's HTML page, and says nothing to our caller."""
    try:
        return _vendor_error(untrusted.loads(body))
    except ValueError:
        return VendorError()


def _vendor_error(payload: Any) -> VendorError:
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


def _message(said: Mapping[str, Any]) -> str:
    names = ("message", "msg", "detail", "error_msg", "status_msg")
    return next((_text(said[name]) for name in names if said.get(name)), "")


def _text(value: Any) -> str:
    """What is no text is shown as the JSON that it is."""
    if isinstance(value, dict | list) and value:
        value = json.dumps(untrusted.storable(value), ensure_ascii=False, separators=(",", ":"))
    return untrusted.text(value[:_READ_CHARACTERS]) if isinstance(value, str) else ""


def _first_word(*holders: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    words = (_word(holder.get(name)) for holder in holders for name in names)
    return next((word for word in words if word is not None), None)


def _word(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LAST_STATUS:
        value = int(value)
    is_word = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return untrusted.text(str(value), most=MAX_WORD_CHARACTERS) if is_word else None


def _status_of(vendor_error: VendorError) -> int:
    for word in (vendor_error.code, vendor_error.type):
        if word is not None and word.isdecimal() and _CLIENT_ERRORS <= int(word) <= _LAST_STATUS:
            return int(word)
    if (subject := vendor_error.subject) is not None:
        return _STATUS_OF_SUBJECT[subject]
    words = (vendor_error.code, vendor_error.type)
    return next((_STATUS_OF_WORD[word] for word in words if word in _STATUS_OF_WORD), _SERVER_ERRORS)


def _error(
    vendor_error: VendorError,
    *,
    status: int,
    label: str,
    secret: str,
    retry_after: float | None = None,
    request_id: str | None = None,
) -> ProviderError:
    kind = _kind(status, vendor_error)
    return kind(
        _shown(kind, vendor_error, status=status, label=label, secret=secret),
        status=status,
        vendor_code=_redacted(vendor_error.code or vendor_error.type, secret),
        param=_redacted(vendor_error.param, secret),
        retry_after=retry_after,
        request_id=request_id,
        reason="the base URL is wrong" if kind is UpstreamGarbled else None,
    )


def _kind(status: int, vendor_error: VendorError) -> type[ProviderError]:
    code = subjects.by_code((vendor_error.code, vendor_error.type))
    match status:
        case 401 | 402:
            return UpstreamAuthFailed
        case 408:
            return UpstreamTimeout
        case 429:
            return UpstreamAuthFailed if code is Subject.MONEY else UpstreamRateLimited
        case _ if status < _CLIENT_ERRORS:
            return UpstreamGarbled
        case _ if status < _SERVER_ERRORS:
            return _rejection(status, vendor_error)
        case _:
            # Gateways answer so when none of their vendors has the model: asking again does not help.
            return ModelNotFound if code is Subject.MODEL else UpstreamUnavailable


def _rejection(status: int, vendor_error: VendorError) -> type[ProviderError]:
    """Whose business it is stands in the words more than in the status: vendors say nearly all of it with 400."""
    subject = vendor_error.subject
    if status == _FORBIDDEN:
        return _FORBIDDEN_FOR.get(subject, UpstreamAuthFailed)
    if subject in _REJECTED_FOR:
        return _REJECTED_FOR[subject]
    if status in _NOTHING_THERE and subjects.is_about_the_path(vendor_error.message):
        return UpstreamGarbled
    return RequestTooLarge if status == _TOO_LARGE else UpstreamRejected


def _shown(kind: type[ProviderError], vendor_error: VendorError, *, status: int, label: str, secret: str) -> str:
    """Only a rejection shows the vendor's words: the other errors are not the caller's doing."""
    if issubclass(kind, UpstreamRejected):
        said = _redacted(vendor_error.message, secret) or f"{label} rejected the request (HTTP {status})."
        return said[:MAX_MESSAGE_CHARACTERS]
    return {
        UpstreamAuthFailed: f"{label} refused our credentials.",
        UpstreamTimeout: f"{label} timed out.",
        UpstreamRateLimited: f"{label} is limiting our rate.",
        UpstreamGarbled: f"{label} has nothing at that address (HTTP {status}); its base URL is wrong.",
    }.get(kind, f"{label} failed (HTTP {status}).")


def _redacted(words: str | None, secret: str) -> str | None:
    if words and secret:
        words = words.replace(secret, REDACTED)
    return words and _ACCOUNT.sub(REDACTED, words)
