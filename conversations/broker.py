"""The only module that puts work on Celery: after commit, ids only, by task name."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

EXECUTE_RUN = "conversations.runs.execute"
SWEEP_RUNS = "conversations.runs.sweep"
QUEUES = {EXECUTE_RUN: "runs", SWEEP_RUNS: "upkeep"}


def wake_run(*, run_id: int) -> None:
    """Asks a worker to look at the run once the current transaction, if any, has committed.

    A broker that is away is no error: the row is the queue of record, and the sweeper wakes what was not heard.
    """
    transaction.on_commit(partial(_send, EXECUTE_RUN, {"run_id": run_id}))


def has_backlog() -> bool:
    """Whether wake-ups wait in the broker that no worker has taken yet. Unreachable counts as yes: ask later."""
    try:
        with current_app.connection_for_write() as connection:
            channel: Any = connection.default_channel
            return bool(channel.client.llen(QUEUES[EXECUTE_RUN]))
    except (OperationalError, RedisError, OSError):
        return True


def _send(task: str, kwargs: Mapping[str, Any]) -> None:
    try:
        current_app.send_task(task, kwargs=dict(kwargs), queue=QUEUES[task], ignore_result=True, retry=False)
    except (OperationalError, RedisError, OSError) as exc:
        log.warning("wake_up_not_sent", task=task, error=type(exc).__name__)
