"""The errors of our own `/api/*` and of `/aichat*` (docs/contract A.8): every error of the tree has a row."""

from typing import Any

from conversations.errors import ParleyError

# Our code → HTTP status, Ace code. Ace has no code for `method_not_allowed`: there method and path together name an
# API, so it is `no_api`. A missing key is 400 and a wrong one 401, as clients of the family expect.
ERROR_TABLE: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "bad_request"),
    "unknown_model": (400, "bad_request"),
    "model_not_configured": (400, "bad_request"),
    "upstream_refused": (400, "bad_request"),
    "content_refused": (403, "forbidden"),
    "upstream_forbidden": (403, "forbidden"),
    "model_not_found": (404, "not_found"),
    "context_length_exceeded": (400, "bad_request"),
    "not_yet_served": (400, "api_not_implemented"),
    "missing_key": (400, "no_token"),
    "invalid_key": (401, "invalid_token"),
    "key_expired": (401, "token_expired"),
    # The moderation's too, but of the documented codes the only one for what is not permitted.
    "out_of_scope": (403, "forbidden"),
    "model_forbidden": (403, "forbidden"),
    "account_disabled": (403, "disabled"),
    # Clients read an unknown code of 403 as moderation, and repeat a 429.
    "quota_exceeded": (403, "used_up"),
    "balance_used_up": (403, "used_up"),
    "calls_used_up": (403, "used_up"),
    "cost_limit_reached": (403, "used_up"),
    "model_not_priced": (403, "forbidden"),
    "content_filtered": (403, "forbidden"),
    "not_found": (404, "not_found"),
    "conversation_deleted": (404, "not_found"),
    "no_such_route": (404, "no_api"),
    "method_not_allowed": (405, "no_api"),
    "conversation_busy": (409, "busy"),
    "not_waiting": (409, "busy"),
    "knowledge_busy": (409, "busy"),
    "duplication": (409, "duplication"),
    "run_cancelled": (409, "canceled"),
    # Only our own API knows ETags.
    "precondition_failed": (412, "precondition_failed"),
    "body_too_large": (413, "request_entity_too_large"),
    # Ace names no code for it (docs/contract A.8).
    "media_type_not_supported": (415, "bad_request"),
    "rate_limited": (429, "too_many_requests"),
    "too_many_tokens": (429, "too_many_requests"),
    "internal_error": (500, "api_error"),
    "upstream_auth_refused": (500, "api_error"),
    "upstream_overloaded": (500, "api_error"),
    "upstream_failed": (500, "chat_error"),
    "answer_too_long": (500, "chat_error"),
    "service_unavailable": (503, "api_error"),
    "upstream_timed_out": (504, "timeout"),
    "deadline_exceeded": (504, "timeout"),
}


def status(error: ParleyError) -> int:
    return ERROR_TABLE[error.code][0]


def body(error: ParleyError, *, trace_id: str) -> dict[str, Any]:
    """Exactly these keys: clients tell an error from a callback by the absence of `success`."""
    fields = {"code": code(error), "message": error.message}
    return {"error": {**fields, **error.details}, "trace_id": trace_id}


def code(error: ParleyError) -> str:
    """The Ace code, also in callbacks and in what our own API says of runs."""
    return ERROR_TABLE[error.code][1]
