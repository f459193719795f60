"""The error body of `/v1` and `/openai` (docs/contract C.5): every error of the tree has a row."""

from typing import Any

from conversations.errors import ParleyError

INVALID, SERVER, LIMITED = "invalid_request_error", "server_error", "rate_limit_error"
# Type and code of the only 429 that SDKs take for final.
QUOTA = "insufficient_quota"
# SDKs do not retry at all when they are asked to wait longer (docs/contract C.6).
RETRY_AFTER_MAX_SECONDS = 120.0
CONFLICT, LIMIT, FIRST_SERVER_ERROR = 409, 429, 500

# Our code → HTTP status, type, code.
ERROR_TABLE: dict[str, tuple[int, str, str | None]] = {
    "invalid_request": (400, INVALID, None),
    "upstream_refused": (400, INVALID, None),
    "content_refused": (400, INVALID, "content_policy_violation"),
    "upstream_forbidden": (403, INVALID, None),
    "model_not_found": (404, INVALID, "model_not_found"),
    "not_yet_served": (400, INVALID, None),
    "context_length_exceeded": (400, INVALID, "context_length_exceeded"),
    "missing_key": (401, INVALID, "invalid_api_key"),
    "invalid_key": (401, INVALID, "invalid_api_key"),
    "key_expired": (401, INVALID, "invalid_api_key"),
    "out_of_scope": (403, INVALID, "missing_scope"),
    # 403 with the code of a model that is not there: so OpenAI refuses a project a model that others have.
    "model_forbidden": (403, INVALID, "model_not_found"),
    "account_disabled": (403, INVALID, "account_deactivated"),
    # Only for runs of other families that are read here: in this one a filtered answer has a finish_reason.
    "content_filtered": (403, INVALID, "content_filter"),
    "unknown_model": (404, INVALID, "model_not_found"),
    "model_not_configured": (404, INVALID, "model_not_found"),
    "not_found": (404, INVALID, "not_found"),
    "conversation_deleted": (404, INVALID, "not_found"),
    "no_such_route": (404, INVALID, None),
    "method_not_allowed": (405, INVALID, "method_not_supported"),
    "conversation_busy": (409, INVALID, "conversation_busy"),
    "not_waiting": (409, INVALID, None),
    "knowledge_busy": (409, INVALID, None),
    "duplication": (409, INVALID, "idempotency_key_in_use"),
    "run_cancelled": (409, INVALID, "run_cancelled"),
    "precondition_failed": (412, INVALID, None),
    "body_too_large": (413, INVALID, None),
    "media_type_not_supported": (415, INVALID, None),
    "rate_limited": (429, LIMITED, "rate_limit_exceeded"),
    "too_many_tokens": (429, LIMITED, "rate_limit_exceeded"),
    "quota_exceeded": (429, QUOTA, QUOTA),
    "balance_used_up": (429, QUOTA, QUOTA),
    "calls_used_up": (429, QUOTA, QUOTA),
    "cost_limit_reached": (400, INVALID, None),
    "model_not_priced": (403, INVALID, None),
    "upstream_overloaded": (429, LIMITED, "rate_limit_exceeded"),
    "internal_error": (500, SERVER, "server_error"),
    "upstream_auth_refused": (500, SERVER, "server_error"),
    "upstream_failed": (500, SERVER, "server_error"),
    "answer_too_long": (500, SERVER, "server_error"),
    "service_unavailable": (503, SERVER, "server_is_overloaded"),
    "upstream_timed_out": (504, SERVER, "timeout"),
    "deadline_exceeded": (504, SERVER, "timeout"),
}


def status(error: ParleyError) -> int:
    return ERROR_TABLE[error.code][0]


def body(error: ParleyError, *, trace_id: str) -> dict[str, Any]:
    """The vendor's code where the family has none of its own. The trace id is in `x-request-id`, not here."""
    _, kind, code = ERROR_TABLE[error.code]
    if code is None and error.vendor_code and error.vendor_code != kind and not error.vendor_code.isdecimal():
        code = error.vendor_code
    fields = {"message": error.message, "type": kind, "param": error.param, "code": code}
    return {"error": {**fields, **error.details}}


def retry_after(error: ParleyError) -> float | None:
    """In seconds, and no more than SDKs are ready to wait."""
    return None if error.retry_after is None else min(error.retry_after, RETRY_AFTER_MAX_SECONDS)


def is_final(error: ParleyError) -> bool:
    """Whether an SDK must be told not to repeat the request: by itself it repeats after 409, 429 and 5xx."""
    number = status(error)
    is_repeated = number in (CONFLICT, LIMIT) or number >= FIRST_SERVER_ERROR
    return is_repeated and (number == CONFLICT or not error.retryable)
