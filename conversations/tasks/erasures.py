"""Celery's entry point for erasures: it goes on with those that are due for a moment, and returns."""

from typing import Any

from celery import shared_task

from conversations import broker
from conversations.workers import erasures


@shared_task(name=broker.ERASE)
def erase(**_future: Any) -> None:
    erasures.erase()
