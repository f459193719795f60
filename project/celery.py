"""The Celery application. It only wakes workers: what is done and by whom is decided by rows, leases and the sweep."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

from celery import Celery
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down

from conversations import broker

app = Celery("parley")
app.conf.update(
    **broker.celery_options(),
    broker_connection_retry_on_startup=True,
    # Acknowledged before they run, so that neither redelivery nor a visibility timeout starts a run twice.
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_send_task_events=False,
    # Nobody inspects workers through the broker. Its channel would be looked at with every message.
    worker_enable_remote_control=False,
    task_default_queue="runs",
    worker_hijack_root_logger=False,
    timezone="UTC",
)
app.autodiscover_tasks(["conversations"])


@setup_logging.connect
def _keep_logging(**_: Any) -> None:
    """Celery leaves logging as Django configured it."""


@worker_ready.connect
def _start_worker(sender: Any, **_: Any) -> None:
    from conversations.workers import lifecycle  # noqa: PLC0415 — models load after Django's set-up

    lifecycle.start(queue=",".join(sorted(queue.name for queue in sender.task_consumer.queues)))


@worker_shutting_down.connect
def _drain_worker(**_: Any) -> None:
    from conversations.workers import lifecycle  # noqa: PLC0415 — as above

    lifecycle.drain()


@worker_shutdown.connect
def _stop_worker(**_: Any) -> None:
    from conversations.workers import lifecycle  # noqa: PLC0415 — as above

    lifecycle.stop()
