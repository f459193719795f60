"""Sends tasks to Celery workers: after commit, with ids only, by task name. No other module does."""

import time
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import orjson
import structlog
from celery.utils.nodenames import anon_nodename
from django.db import transaction
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from conversations.stores import redis_clients

log = structlog.get_logger(__name__)

EXECUTE_RUN = "conversations.runs.execute"
SWEEP_RUNS = "conversations.runs.sweep"
SEND_DELIVERIES = "conversations.webhooks.send"
ERASE = "conversations.erasures.erase"
RUNS_QUEUE = "runs"
WEBHOOKS_QUEUE = "webhooks"
UPKEEP_QUEUE = "upkeep"

# While Redis does not answer, every wake-up holds a thread for seconds, and others wait for that thread. So after a
# timeout none is sent for this long: the sweep sends them again.
PAUSE_SECONDS = 2.0
_paused_until = 0.0

_NO_FOLLOW_UPS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_REPLY_TO = str(uuid.uuid4())


def wake_run(*, run_id: int) -> None:
    """Asks a worker to look at the run once the current transaction, if any, has committed.

    An unreachable broker is no error: the row is the queue of record, and the sweep sends a lost wake-up again.
    """
    transaction.on_commit(partial(_send, EXECUTE_RUN, {"run_id": run_id}, queue=RUNS_QUEUE))


def wake_first(*, run_ids: Sequence[int]) -> None:
    """As `wake_run`, but at the head of the queue, for runs that have waited longer than all in it. Oldest first."""
    if run_ids:
        transaction.on_commit(partial(_send_first, run_ids))


def wake_deliveries() -> None:
    """Asks a worker to send the deliveries that are due, once the current transaction, if any, has committed."""
    transaction.on_commit(_wake_deliveries)


def _wake_deliveries() -> None:
    """One wake-up in the queue is enough for any number of deliveries."""
    try:
        is_queued = bool(redis_clients.hurried().llen(WEBHOOKS_QUEUE))
    except RedisError:
        is_queued = False
    if not is_queued:
        _send(SEND_DELIVERIES, {}, queue=WEBHOOKS_QUEUE)


def wake_erasures() -> None:
    """Asks a worker to go on with the erasures that are due, once the current transaction, if any, has committed."""
    transaction.on_commit(partial(_send, ERASE, {}, queue=UPKEEP_QUEUE))


def next_runs(*, most: int) -> list[int]:
    """The ids of the runs whose wake-ups workers will take next, in that order. Raises RedisError."""
    messages: Any = redis_clients.hurried().lrange(RUNS_QUEUE, -most, -1)
    return [run_id for message in reversed(messages) if (run_id := _run_id(message)) is not None]


def _send(task: str, kwargs: Mapping[str, Any], *, queue: str) -> None:
    _send_all([_message(task, kwargs, queue=queue)], queue=queue, at_head=False)


def _send_first(run_ids: Sequence[int]) -> None:
    # Workers take from the right, so the first to be taken is pushed last.
    messages = [_message(EXECUTE_RUN, {"run_id": run_id}, queue=RUNS_QUEUE) for run_id in reversed(run_ids)]
    _send_all(messages, queue=RUNS_QUEUE, at_head=True)


def _send_all(messages: Sequence[bytes], *, queue: str, at_head: bool) -> None:
    global _paused_until  # noqa: PLW0603 — this process has one Redis
    if time.monotonic() < _paused_until:
        return
    client = redis_clients.hurried()
    try:
        (client.rpush if at_head else client.lpush)(queue, *messages)
    except RedisError as exc:
        if isinstance(exc, RedisTimeout):
            _paused_until = time.monotonic() + PAUSE_SECONDS
        log.warning("wake_up_not_sent", queue=queue, count=len(messages), error=type(exc).__name__)


def _message(task: str, kwargs: Mapping[str, Any], *, queue: str) -> bytes:
    """The bytes that `send_task(task, kwargs=kwargs, queue=queue, ignore_result=True)` puts on a Redis list (ADR 6).

    Celery's message protocol 2 in the envelope of kombu's virtual transports.
    """
    task_id = str(uuid.uuid4())
    headers: dict[str, Any] = {
        "lang": "py",
        "task": task,
        "id": task_id,
        "shadow": None,
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": task_id,
        "parent_id": None,
        "argsrepr": "()",
        "kwargsrepr": repr(kwargs),
        "origin": anon_nodename(),
        "ignore_result": True,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
    }
    properties: dict[str, Any] = {
        "correlation_id": task_id,
        "reply_to": _REPLY_TO,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }
    return orjson.dumps(
        {
            "body": b64encode(orjson.dumps([[], kwargs, _NO_FOLLOW_UPS])).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": properties,
        }
    )


def _run_id(message: bytes) -> int | None:
    """The run's id in a message of `_message`; None for any other message."""
    try:
        run_id = orjson.loads(b64decode(orjson.loads(message)["body"]))[1]["run_id"]
    except (ValueError, LookupError, TypeError):
        return None
    return run_id if isinstance(run_id, int) else None
