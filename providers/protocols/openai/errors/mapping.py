"""Which of our errors a vendor's failure is: from HTTP status and body, or from an error object inside a 200."""

import re
from collections.abc import Mapping
from typing import Any

from providers.errors import (
    ContentRefused,
    ContextTooLong,
    ModelNotFound,
    ProviderError,
    RegionRefused,
    RequestTooLarge,
    UpstreamAuthFailed,
    UpstreamForbidden,
    UpstreamGarbled,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from providers.protocols.openai.errors import causes, vendor_error
from providers.protocols.openai.errors.causes import Cause
from providers.protocols.openai.errors.vendor_error import LAST_STATUS, VendorError

MAX_MESSAGE_CHARACTERS = 1000
REDACTED = "[redacted]"
# Ids of the operator's account and key, which vendors put into messages that are shown to the caller.
_ACCOUNT = re.compile(
    r"\b(?:org|proj|ak|sk)[-_](?=[A-Za-z]*\d)[A-Za-z0-9]{12,}"
    r"|(?<=Team: )[\w-]+|(?<=team )[0-9a-f-]{36}|(?<=API key ID: )[\w-]+",
    re.IGNORECASE,
)
# The status that a code or type in words stands for, in an error object without a status.
_STATUS_OF_WORD = {
    "rate_limited": 429,
    "slow_down": 429,
    "invalid_request_error": 400,
    "bad_request": 400,
    "not_found_error": 404,
    "permission_error": 403,
    "timeout": 408,
}
_STATUS_OF_CAUSE = {
    Cause.MONEY: 402,
    Cause.KEY: 401,
    Cause.REGION: 403,
    Cause.CONTENT: 400,
    Cause.RATE: 429,
    Cause.CONTEXT: 400,
    Cause.OUTPUT: 400,
    Cause.MODEL: 404,
}
_REJECTED_FOR: dict[Cause | None, type[ProviderError]] = {
    Cause.MONEY: UpstreamAuthFailed,
    Cause.KEY: UpstreamAuthFailed,
    Cause.REGION: RegionRefused,
    Cause.CONTENT: ContentRefused,
    Cause.CONTEXT: ContextTooLong,
    Cause.MODEL: ModelNotFound,
}
# A 403 for any other cause is about our key.
_FORBIDDEN_FOR: dict[Cause | None, type[ProviderError]] = {
    Cause.REGION: RegionRefused,
    Cause.CONTENT: UpstreamForbidden,
    Cause.MODEL: ModelNotFound,
}
_CLIENT_ERRORS, _SERVER_ERRORS = 400, 500
_FORBIDDEN, _TOO_LARGE, _NOTHING_THERE = 403, 413, (404, 405)


def from_response(
    *,
    status: int,
    body: bytes,
    display_name: str,
    secret: str = "",
    retry_after: float | None = None,
    request_id: str | None = None,
) -> ProviderError:
    """The error for a status that is not 2xx. The message never holds `secret`."""
    return _error(
        vendor_error.from_body(body),
        status=status,
        display_name=display_name,
        secret=secret,
        retry_after=retry_after,
        request_id=request_id,
    )


def from_payload(
    payload: Mapping[str, Any], *, display_name: str, secret: str = "", request_id: str | None = None
) -> ProviderError:
    """The error for an error object inside a 200: as its whole body, or in the middle of a stream."""
    error = vendor_error.from_json(payload)
    return _error(error, status=_status_of(error), display_name=display_name, secret=secret, request_id=request_id)


def _status_of(error: VendorError) -> int:
    """The HTTP status that would have fitted; 500 when nothing is known."""
    for word in (error.code, error.type):
        if word is not None and word.isdecimal() and _CLIENT_ERRORS <= int(word) <= LAST_STATUS:
            return int(word)
    if (cause := error.cause) is not None:
        return _STATUS_OF_CAUSE[cause]
    words = (error.code, error.type)
    return next((_STATUS_OF_WORD[word] for word in words if word in _STATUS_OF_WORD), _SERVER_ERRORS)


def _error(
    error: VendorError,
    *,
    status: int,
    display_name: str,
    secret: str,
    retry_after: float | None = None,
    request_id: str | None = None,
) -> ProviderError:
    kind = _kind(status, error)
    return kind(
        _message(kind, error, status=status, display_name=display_name, secret=secret),
        status=status,
        vendor_code=_redacted(error.code or error.type, secret),
        param=_redacted(error.param, secret),
        retry_after=retry_after,
        request_id=request_id,
        reason="the base URL is wrong" if kind is UpstreamGarbled else None,
    )


def _kind(status: int, error: VendorError) -> type[ProviderError]:
    cause = causes.by_code((error.code, error.type))
    match status:
        case 401 | 402:
            return UpstreamAuthFailed
        case 408:
            return UpstreamTimeout
        case 429:
            return UpstreamAuthFailed if cause is Cause.MONEY else UpstreamRateLimited
        case _ if status < _CLIENT_ERRORS:
            return UpstreamGarbled
        case _ if status < _SERVER_ERRORS:
            return _rejection(status, error)
        case _:
            # Gateways answer 5xx when none of their vendors has the model: asking again does not help.
            return ModelNotFound if cause is Cause.MODEL else UpstreamUnavailable


def _rejection(status: int, error: VendorError) -> type[ProviderError]:
    """The error for a 4xx. The cause counts more than the status: vendors use 400 for nearly everything."""
    cause = error.cause
    if status == _FORBIDDEN:
        return _FORBIDDEN_FOR.get(cause, UpstreamAuthFailed)
    if cause in _REJECTED_FOR:
        return _REJECTED_FOR[cause]
    if status in _NOTHING_THERE and causes.is_about_the_path(error.message):
        return UpstreamGarbled
    return RequestTooLarge if status == _TOO_LARGE else UpstreamRejected


def _message(kind: type[ProviderError], error: VendorError, *, status: int, display_name: str, secret: str) -> str:
    """Only a rejection shows the vendor's message: the other errors are not the caller's fault."""
    if issubclass(kind, UpstreamRejected):
        message = _redacted(error.message, secret) or f"{display_name} rejected the request (HTTP {status})."
        return message[:MAX_MESSAGE_CHARACTERS]
    return {
        UpstreamAuthFailed: f"{display_name} refused our credentials.",
        UpstreamTimeout: f"{display_name} timed out.",
        UpstreamRateLimited: f"{display_name} is limiting our rate.",
        UpstreamGarbled: f"{display_name} has nothing at that address (HTTP {status}); its base URL is wrong.",
    }.get(kind, f"{display_name} failed (HTTP {status}).")


def _redacted(text: str | None, secret: str) -> str | None:
    if text and secret:
        text = text.replace(secret, REDACTED)
    return text and _ACCOUNT.sub(REDACTED, text)
