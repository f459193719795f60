"""The Celery application. A run's row, its lease and the sweeper decide; Celery only wakes workers."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

from celery import Celery
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings

SWEEP_SECONDS = 3.0

app = Celery("parley")
app.conf.update(
    broker_url=settings.REDIS_URL.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1),
    broker_connection_retry_on_startup=True,
    # Redis going away is noticed within seconds and never lets a publisher hang.
    broker_transport_options={
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        # What a worker has taken and not begun is kept in its memory only: noting it in Redis costs six commands a
        # turn, and the sweeper finds what dies with a worker anyway.
        "ack_emulation": False,
    },
    # Acknowledged before they run: neither Redis redelivery nor a visibility timeout may start a run twice.
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_send_task_events=False,
    task_default_queue="runs",
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_schedule={
        "sweep": {
            "task": "conversations.runs.sweep",
            "schedule": SWEEP_SECONDS,
            "options": {"queue": "upkeep", "expires": SWEEP_SECONDS},
        },
    },
)
app.autodiscover_tasks(["conversations"])


@setup_logging.connect
def _keep_logging(**_: Any) -> None:
    """Celery leaves logging as Django configured it."""


@worker_ready.connect
def _start_worker(sender: Any, **_: Any) -> None:
    from conversations.workers import lifecycle as workers  # noqa: PLC0415 — models load after Django's set-up

    workers.start(queue=",".join(sorted(queue.name for queue in sender.task_consumer.queues)))


@worker_shutting_down.connect
def _drain_worker(**_: Any) -> None:
    from conversations.workers import lifecycle as workers  # noqa: PLC0415 — as above

    workers.drain()


@worker_shutdown.connect
def _stop_worker(**_: Any) -> None:
    from conversations.workers import lifecycle as workers  # noqa: PLC0415 — as above

    workers.stop()
