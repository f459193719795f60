"""The life of a worker process: started, drained and stopped by Celery's signals (project/celery.py)."""

import gc

from django.conf import settings

from conversations import broker
from conversations.workers import deliveries, reconcile, retention, sweep_timer, usage
from conversations.workers.knowledge import indexing
from conversations.workers.runs import process
from conversations.workers.vectors import threads as vectors


def start(*, queue: str) -> None:
    is_for_knowledge = broker.KNOWLEDGE_QUEUE in queue.split(",")
    process.current(queue=queue, threads=settings.KNOWLEDGE_THREADS if is_for_knowledge else None)
    if broker.UPKEEP_QUEUE in queue.split(","):
        sweep_timer.start()
        retention.start()
        reconcile.start()
        usage.start()
    if is_for_knowledge:
        vectors.start()
    # What exists now stays for good, so the garbage collector need not walk through it again. A long history makes
    # enough objects to set off full collections, and each took 60 ms.
    gc.collect()
    gc.freeze()


def drain() -> None:
    retention.drain()
    usage.drain()
    indexing.drain()
    vectors.drain()
    deliveries.drain(seconds=settings.DRAIN_SECONDS)
    process.drain(seconds=settings.DRAIN_SECONDS)


def stop() -> None:
    deliveries.stop()
    indexing.stop()
    process.current().stop()
