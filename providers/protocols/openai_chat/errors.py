"""What a vendor's error means: HTTP status and body, or an error object inside a 200, to one of our errors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from providers.errors import (
    ContextTooLong,
    ProviderError,
    UpstreamAuthFailed,
    UpstreamGarbled,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)

MAX_MESSAGE_CHARACTERS = 1000
REDACTED = "[redacted]"

# 1261 is Z.ai's.
_CONTEXT_CODES = frozenset({"context_length_exceeded", "model_context_window_exceeded", "1261"})
_CONTEXT_WORDS = re.compile(
    r"context[ _](length|window|size|limit)|maximum (context|prompt|input) length|(prompt|input)( is|) too long"
    r"|too many (input |prompt )?tokens|reduce the length|exceeds? (the )?max(imum)? (prompt )?(length|tokens)"
    r"|上下文.{0,12}(长度|窗口|超)|(输入|提示).{0,8}(过长|超长|超过)",
    re.IGNORECASE,
)
# Said with a 429 where other vendors say 402: waiting does not help, the money is gone.
_UNPAID_WORDS = frozenset({"insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"})
# What an error object without a usable status says in words, and the status it stands for.
_STATUS_OF_WORD = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "rate_limited": 429,
    "too_many_requests": 429,
    "insufficient_quota": 402,
    "slow_down": 429,
    "invalid_request_error": 400,
    "bad_request": 400,
    "context_length_exceeded": 400,
    "content_policy_violation": 400,
    "model_not_found": 404,
    "not_found_error": 404,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "timeout": 408,
}
_CLIENT_ERRORS, _SERVER_ERRORS, _LAST_STATUS = 400, 500, 599


@dataclass(frozen=True, slots=True)
class Complaint:
    """The vendor's words, whatever shape they came in."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None


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
    complaint = read_complaint(body)
    return _error(complaint, status=status, label=label, secret=secret, retry_after=retry_after, request_id=request_id)


def from_payload(
    payload: Mapping[str, Any], *, label: str, secret: str = "", request_id: str | None = None
) -> ProviderError:
    """The error for an error object inside a 200, as its body or in the middle of a stream."""
    complaint = _complaint(payload)
    return _error(complaint, status=_status_of(complaint), label=label, secret=secret, request_id=request_id)


def read_complaint(body: bytes) -> Complaint:
    """Never raises: a body that is not JSON is somebody's HTML page, and says nothing to our caller."""
    try:
        return _complaint(orjson.loads(body))
    except orjson.JSONDecodeError:
        return Complaint()


def _complaint(payload: Any) -> Complaint:
    """`{"error": {…}}`, `{"error": "…"}`, `{"detail": …}`, `{"message": …}`, or a list of one of those."""
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        return Complaint()
    inner = payload.get("error") or payload
    if not isinstance(inner, dict):
        return Complaint(str(inner))
    message = inner.get("message") or inner.get("msg") or inner.get("detail") or ""
    return Complaint(
        message if isinstance(message, str) else orjson.dumps(message).decode(),
        _word(inner.get("code")),
        _word(inner.get("type")),
        _word(inner.get("param")),
    )


def _word(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


def _status_of(complaint: Complaint) -> int:
    for word in (complaint.code, complaint.type):
        if word is not None and word.isdecimal() and _CLIENT_ERRORS <= int(word) <= _LAST_STATUS:
            return int(word)
        if word in _STATUS_OF_WORD:
            return _STATUS_OF_WORD[word]
    return _CLIENT_ERRORS if _is_about_context(complaint) else _SERVER_ERRORS


def _is_about_context(complaint: Complaint) -> bool:
    return complaint.code in _CONTEXT_CODES or bool(_CONTEXT_WORDS.search(complaint.message))


def _error(
    complaint: Complaint,
    *,
    status: int,
    label: str,
    secret: str,
    retry_after: float | None = None,
    request_id: str | None = None,
) -> ProviderError:
    kind, message = _kind_and_message(status, complaint, label)
    return kind(
        _clean(message, secret),
        status=status,
        vendor_code=complaint.code or complaint.type,
        param=complaint.param,
        retry_after=retry_after,
        request_id=request_id,
    )


def _kind_and_message(status: int, complaint: Complaint, label: str) -> tuple[type[ProviderError], str]:
    """Only a rejection shows the vendor's words: the other errors are not the caller's doing."""
    if not _UNPAID_WORDS.isdisjoint((complaint.code, complaint.type)):
        status = 402
    match status:
        case 401 | 402 | 403:
            return UpstreamAuthFailed, f"{label} refused our credentials."
        case 408:
            return UpstreamTimeout, f"{label} timed out."
        case 429:
            return UpstreamRateLimited, f"{label} is limiting our rate."
        case _ if status < _CLIENT_ERRORS:
            return UpstreamGarbled, f"{label} sent us elsewhere (HTTP {status}); its base URL is wrong."
        case _ if status < _SERVER_ERRORS:
            kind = ContextTooLong if _is_about_context(complaint) else UpstreamRejected
            return kind, complaint.message or f"{label} rejected the request (HTTP {status})."
        case _:
            return UpstreamUnavailable, f"{label} failed (HTTP {status})."


def _clean(message: str, secret: str) -> str:
    if secret:
        message = message.replace(secret, REDACTED)
    return message[:MAX_MESSAGE_CHARACTERS]
