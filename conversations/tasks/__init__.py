"""Celery entry points, one service call each."""

from conversations.tasks import runs, webhooks, workers

__all__ = ["runs", "webhooks", "workers"]
