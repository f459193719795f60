"""The JSON of our own API's objects, in its answers and in webhooks."""

from datetime import datetime
from typing import Any

import orjson

from conversations import errors
from conversations.dialects.aichat.errors import ERROR_TABLE
from conversations.models import Conversation, Delivery, DeliveryAttempt, Event, Run, WebhookEndpoint
from conversations.values.runs import RunStatus


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


def conversation(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.public_id,
        "object": "conversation",
        "created_at": _time(conversation.created_at),
    }


def endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Its secret is no part of it: that is shown where it is made. The secrets with an end must be at hand."""
    ends = [secret.expires_at for secret in endpoint.secrets.all() if secret.expires_at]
    return {
        "id": endpoint.public_id,
        "object": "webhook_endpoint",
        "url": endpoint.url,
        "events": endpoint.events,
        "description": endpoint.description,
        "enabled": endpoint.disabled_at is None,
        "disabled_at": _time(endpoint.disabled_at),
        "disabled_reason": endpoint.disabled_reason or None,
        "failing_since": _time(endpoint.failing_since),
        "previous_secret_expires_at": _time(max(ends, default=None)),
        "created_at": _time(endpoint.created_at),
    }


def callback_secret(secret: str, *, previous_until: datetime | None) -> dict[str, Any]:
    return {"object": "callback_secret", "secret": secret, "previous_secret_expires_at": _time(previous_until)}


def event(event: Event) -> dict[str, Any]:
    """Exactly what was sent; once that has been erased by age, without its data."""
    if event.payload is not None:
        return dict(orjson.loads(event.payload))
    return {
        "id": event.public_id,
        "type": event.type,
        "timestamp": _time(event.created_at),
        "sequence": event.sequence,
        "data": None,
    }


def delivery(delivery: Delivery) -> dict[str, Any]:
    """`webhook_id` is the header of all its attempts."""
    event = delivery.event
    return {
        "id": delivery.public_id,
        "object": "delivery",
        "kind": delivery.kind,
        "status": delivery.status,
        "url": delivery.url,
        "webhook_id": event.public_id if event else delivery.public_id,
        "endpoint": delivery.endpoint.public_id if delivery.endpoint else None,
        "event": event.public_id if event else None,
        "event_type": event.type if event else None,
        "run": delivery.run.public_id if delivery.run else None,
        "created_at": _time(delivery.created_at),
        "next_attempt_at": _time(delivery.next_attempt_at) if delivery.status == Delivery.Status.PENDING else None,
        "finished_at": _time(delivery.finished_at),
        "attempts": [_attempt(attempt) for attempt in _made(delivery)],
    }


def _made(delivery: Delivery) -> list[DeliveryAttempt]:
    """As of when its row was read: an attempt that was over since is told with what came of it, at the next look."""
    under_way = delivery.attempts_made if delivery.claimed_until else None
    return [one for one in delivery.attempts.all() if one.number <= delivery.attempts_made and one.number != under_way]


def _attempt(attempt: DeliveryAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": _time(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "http_status": attempt.http_status,
        "error": attempt.error or None,
        "response": attempt.response,
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
    """In the words of `/aichat`, which are our own API's whatever family asked. To be cancelled is no error."""
    if run.status not in (RunStatus.FAILED, RunStatus.INCOMPLETE):
        return None
    error = errors.from_code(run.error_code, run.error_message)
    return {"code": ERROR_TABLE[error.code][1], "message": error.message}
