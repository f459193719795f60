"""The life of a worker process: started, drained and stopped by Celery's signals (project/celery.py)."""

import gc

from django.conf import settings

from conversations import broker
from conversations.workers import deliveries, retention, sweep_timer
from conversations.workers.runs import process


def start(*, queue: str) -> None:
    process.current(queue=queue)
    if broker.UPKEEP_QUEUE in queue.split(","):
        sweep_timer.start()
        retention.start()
    # What exists now stays for good, so the garbage collector need not walk through it again. A long history makes
    # enough objects to set off full collections, and each took 60 ms.
    gc.collect()
    gc.freeze()


def drain() -> None:
    retention.drain()
    deliveries.drain(seconds=settings.DRAIN_SECONDS)
    process.drain(seconds=settings.DRAIN_SECONDS)


def stop() -> None:
    deliveries.stop()
    process.current().stop()
