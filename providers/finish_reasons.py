"""Why an answer ended, in the words of OpenAI's format: vendors have words of their own beside them."""

STOP, LENGTH, TOOL_CALLS, CONTENT_FILTER = "stop", "length", "tool_calls", "content_filter"
_KNOWN = frozenset({STOP, LENGTH, TOOL_CALLS, CONTENT_FILTER, "function_call"})
_MEANINGS = {
    "max_tokens": LENGTH,
    "model_context_window_exceeded": LENGTH,
    "insufficient_system_resource": LENGTH,
    "sensitive": CONTENT_FILTER,
    "safety": CONTENT_FILTER,
    # Gemini's, as its gateways pass them on; and Anthropic's.
    "recitation": CONTENT_FILTER,
    "prohibited_content": CONTENT_FILTER,
    "blocklist": CONTENT_FILTER,
    "spii": CONTENT_FILTER,
    "refusal": CONTENT_FILTER,
    "tool_use": TOOL_CALLS,
}


def normal(finish_reason: str) -> str:
    """The format's word for a vendor's finish reason. An unknown one counts as an ordinary end."""
    reason = finish_reason.lower()
    reason = _MEANINGS.get(reason, reason)
    return reason if reason in _KNOWN else STOP
