"""Celery's entry point for documents: it indexes those that are due, one after the other, and returns."""

from typing import Any

from celery import shared_task

from conversations import broker
from conversations.workers.knowledge import indexing


@shared_task(name=broker.INDEX)
def index(**_future: Any) -> None:
    indexing.work_off()
