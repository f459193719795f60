"""Every error is a teapot, and says its code."""

from typing import Any

from conversations.errors import ParleyError


def status(_error: ParleyError) -> int:
    return 418


def body(error: ParleyError, *, trace_id: str) -> dict[str, Any]:
    return {"oops": error.code}
