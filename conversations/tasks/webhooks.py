"""Celery's entry point for deliveries: it starts those that are due and returns. Threads of their own send them."""

from typing import Any

from celery import shared_task

from conversations import broker
from conversations.workers import deliveries


@shared_task(name=broker.SEND_DELIVERIES)
def send(**_future: Any) -> None:
    deliveries.current().fill()
