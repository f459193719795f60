"""The errors of `/v1/openapi`, in the envelope of its siblings (docs/contract D.7)."""

from typing import Any

from conversations.dialects.yuju import envelope
from conversations.errors import ParleyError

NO_PERMISSION, NO_CALLS = "没有权限", "API请求次数不足"

# Every error of the tree: our code → the HTTP status, which is the envelope's `Code` too, and the documented words if
# there are any. 401 and 402 alone are documented; a missing key is 401 here, not 400.
ERROR_TABLE: dict[str, tuple[int, str]] = {
    "invalid_request": (400, ""),
    "unknown_model": (400, ""),
    "model_not_configured": (400, ""),
    "model_not_found": (404, ""),
    "upstream_refused": (400, ""),
    "content_refused": (400, ""),
    "upstream_forbidden": (403, ""),
    "context_length_exceeded": (400, ""),
    "not_yet_served": (400, ""),
    "missing_key": (401, NO_PERMISSION),
    "invalid_key": (401, NO_PERMISSION),
    "key_expired": (401, NO_PERMISSION),
    "out_of_scope": (403, ""),
    "model_forbidden": (403, ""),
    "account_disabled": (403, ""),
    "quota_exceeded": (403, ""),
    "balance_used_up": (402, NO_CALLS),
    "calls_used_up": (402, NO_CALLS),
    "cost_limit_reached": (400, ""),
    "model_not_priced": (403, ""),
    "content_filtered": (403, ""),
    "not_found": (404, ""),
    "conversation_deleted": (404, ""),
    "no_such_route": (404, ""),
    "method_not_allowed": (405, ""),
    "conversation_busy": (409, ""),
    "not_waiting": (409, ""),
    "knowledge_busy": (409, ""),
    "duplication": (409, ""),
    "run_cancelled": (409, ""),
    "precondition_failed": (412, ""),
    "body_too_large": (413, ""),
    "media_type_not_supported": (415, ""),
    "rate_limited": (429, ""),
    "too_many_tokens": (429, ""),
    "internal_error": (500, ""),
    "upstream_auth_refused": (500, ""),
    "upstream_overloaded": (503, ""),
    "upstream_failed": (500, ""),
    "answer_too_long": (500, ""),
    "service_unavailable": (503, ""),
    "upstream_timed_out": (504, ""),
    "deadline_exceeded": (504, ""),
}
# What the documented words mean: a client may compare them.
DOCUMENTED = frozenset({"missing_key", "invalid_key", "balance_used_up", "calls_used_up"})


def status(error: ParleyError) -> int:
    return ERROR_TABLE[error.code][0]


def body(error: ParleyError, *, trace_id: str) -> dict[str, Any]:
    """`Data` has what else there is for programs: of a busy conversation, the run in progress."""
    code, words = ERROR_TABLE[error.code]
    return envelope.refusal(code, _message(error, words), error.details)


def _message(error: ParleyError, words: str) -> str:
    """The documented words; what is wrong stands behind them, where they do not say it all."""
    if not words:
        return error.message
    if error.code in DOCUMENTED and error.message == error.default_message:
        return words
    return f"{words}: {error.message}"
