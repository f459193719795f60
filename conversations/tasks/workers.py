"""A worker process's life, called by Celery's signals (project/celery.py)."""

import gc

from django.conf import settings

from conversations.services import delivery_process, worker_process


def start(*, queue: str) -> None:
    worker_process.current(queue=queue)
    # What a process begins with stays for good. The many objects of a long history set off collections, and each went
    # through all of that again: 60 ms.
    gc.collect()
    gc.freeze()


def drain() -> None:
    delivery_process.drain(seconds=settings.DRAIN_SECONDS)
    worker_process.drain(seconds=settings.DRAIN_SECONDS)


def stop() -> None:
    delivery_process.stop()
    worker_process.current().stop()
