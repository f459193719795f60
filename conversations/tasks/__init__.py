"""Celery's entry points: each makes one call to `workers`."""

from conversations.tasks import runs, webhooks

__all__ = ["runs", "webhooks"]
