"""Celery's entry point for deliveries: begins what is due and returns; the sending has threads of its own."""

from typing import Any

from celery import shared_task

from conversations import broker
from conversations.workers import deliveries


@shared_task(name=broker.SEND_DELIVERIES)
def send(**_future: Any) -> None:
    deliveries.current().fill()
