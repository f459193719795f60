"""Celery entry points, one service call each."""

from conversations.tasks import runs, webhooks

__all__ = ["runs", "webhooks"]
