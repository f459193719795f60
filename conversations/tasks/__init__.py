"""Celery's entry points: each makes one call to `workers`. The tasks that callers poll are `services.runs.tasks`."""

from conversations.tasks import erasures, knowledge, runs, webhooks

__all__ = ["erasures", "knowledge", "runs", "webhooks"]
