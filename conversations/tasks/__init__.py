"""Celery entry points, one service call each."""

from conversations.tasks import runs, workers

__all__ = ["runs", "workers"]
