"""A worker process's life, called by Celery's signals (project/celery.py)."""

from django.conf import settings

from conversations.services import worker_process


def start(*, queue: str) -> None:
    worker_process.current(queue=queue)


def drain() -> None:
    worker_process.current().drain(seconds=settings.DRAIN_SECONDS)


def stop() -> None:
    worker_process.current().stop()
