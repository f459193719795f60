"""The JSON of our own API's objects."""

from datetime import datetime
from typing import Any

from conversations import errors
from conversations.dialects.aichat.errors import WORDS
from conversations.models import Run
from conversations.turns import RunStatus


def run(run: Run) -> dict[str, Any]:
    """Times are UTC in ISO 8601. `conversation` is null for a run that nothing stores."""
    return {
        "id": run.public_id,
        "object": "run",
        "status": run.status,
        "conversation": run.conversation.public_id if run.conversation else None,
        "dialect": run.dialect,
        "model": run.model,
        "attempt": run.attempt,
        "created_at": _time(run.created_at),
        "claimed_at": _time(run.claimed_at),
        "first_token_at": _time(run.first_token_at),
        "finished_at": _time(run.finished_at),
        "cancel_requested_at": _time(run.cancel_requested_at),
        "usage": _usage(run.usage),
        "error": _error(run),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None


def _usage(usage: Any) -> dict[str, Any] | None:
    if usage is None:
        return None
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "source": usage["source"],
    }


def _error(run: Run) -> dict[str, str] | None:
    """In the same words as the error that the asker of the run was given. To be cancelled is no error."""
    if run.status not in (RunStatus.FAILED, RunStatus.INCOMPLETE):
        return None
    error = errors.from_code(run.error_code, run.error_message)
    return {"code": WORDS[error.code][1], "message": error.message}
