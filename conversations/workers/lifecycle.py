"""A worker process's life, called by Celery's signals (project/celery.py)."""

import gc

from django.conf import settings

from conversations.workers import deliveries
from conversations.workers.runs import process


def start(*, queue: str) -> None:
    process.current(queue=queue)
    # What a process begins with stays for good. The many objects of a long history set off collections, and each went
    # through all of that again: 60 ms.
    gc.collect()
    gc.freeze()


def drain() -> None:
    deliveries.drain(seconds=settings.DRAIN_SECONDS)
    process.drain(seconds=settings.DRAIN_SECONDS)


def stop() -> None:
    deliveries.stop()
    process.current().stop()
