"""Sends tasks to Celery workers: after commit, with ids only, by task name. No other module does."""

import time
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from conversations.brokers import messages
from conversations.brokers.messages import Message
from conversations.brokers.protocol import Broker, BrokerAway
from conversations.brokers.redis_lists import RedisBroker

log = structlog.get_logger(__name__)

EXECUTE_RUN = "conversations.runs.execute"
DRY_RUN = "conversations.runs.dry_run"
SWEEP_RUNS = "conversations.runs.sweep"
SEND_DELIVERIES = "conversations.webhooks.send"
ERASE = "conversations.erasures.erase"
INDEX = "conversations.knowledge.index"
RUNS_QUEUE = "runs"
WEBHOOKS_QUEUE = "webhooks"
UPKEEP_QUEUE = "upkeep"
ERASURES_QUEUE = "erasures"
KNOWLEDGE_QUEUE = "knowledge"
QUEUES = (RUNS_QUEUE, WEBHOOKS_QUEUE, UPKEEP_QUEUE, ERASURES_QUEUE, KNOWLEDGE_QUEUE)
AMQP_SCHEMES = ("amqp://", "amqps://")

# While the broker does not answer, every wake-up holds a thread for seconds, and others wait for that thread. So after
# a timeout none is sent for this long: the sweep sends them again.
PAUSE_SECONDS = 2.0
_paused_until = 0.0


@cache
def current() -> Broker:
    """This process's own."""
    if settings.BROKER_URL.startswith(AMQP_SCHEMES):
        from conversations.brokers.amqp import AmqpBroker  # noqa: PLC0415 — megabytes, for nothing with Redis

        return AmqpBroker(settings.BROKER_URL, queues=QUEUES)
    return RedisBroker(settings.BROKER_URL)


def celery_options() -> dict[str, Any]:
    """Celery's own settings for this broker (project/celery.py)."""
    return current().celery_options()


def check() -> None:
    """Raises BrokerAway when the broker does not answer."""
    current().has_messages(RUNS_QUEUE)


def wake_run(*, account_id: int, run_id: int) -> None:
    """Asks a worker to look at the run once the current transaction, if any, has committed.

    An unreachable broker is no error: the row is the queue of record, and the sweep sends a lost wake-up again.
    """
    transaction.on_commit(partial(_send, [_wake_up(account_id, run_id)], queue=RUNS_QUEUE))


def wake_first(*, runs: Sequence[tuple[int, int]]) -> None:
    """As `wake_run`, but at the head of the queue, for runs that have waited longer than all in it. Oldest first.

    `runs`: of each the ids of its account and its own.
    """
    if runs:
        transaction.on_commit(partial(_send, [_wake_up(*run) for run in runs], queue=RUNS_QUEUE, at_head=True))


def wake_dry_run(*, dry_run_id: str) -> bool:
    """Asks a worker to try a turn whose caller waits: to be called outside of transactions.

    False when the broker cannot be reached: there is no row by which a sweep would find it.
    """
    return _send([Message(DRY_RUN, {"dry_run_id": dry_run_id})], queue=RUNS_QUEUE)


def wake_sweep() -> None:
    """Asks a worker for a sweep, now: to be called outside of transactions."""
    _wake_once(SWEEP_RUNS, queue=UPKEEP_QUEUE)


def wake_deliveries() -> None:
    """Asks a worker to send the deliveries that are due, once the current transaction, if any, has committed."""
    transaction.on_commit(partial(_wake_once, SEND_DELIVERIES, queue=WEBHOOKS_QUEUE))


def wake_erasures() -> None:
    """Asks a worker to go on with erasures and whole knowledge bases, once the current transaction has committed."""
    transaction.on_commit(partial(_wake_once, ERASE, queue=ERASURES_QUEUE))


def wake_indexing() -> None:
    """Asks a worker to index the documents that are due, once the current transaction, if any, has committed."""
    transaction.on_commit(partial(_wake_once, INDEX, queue=KNOWLEDGE_QUEUE))


def _wake_once(task: str, *, queue: str) -> None:
    """For a queue of this one task: a single wake-up in it is enough for all that is to be done."""
    try:
        is_queued = current().has_messages(queue)
    except BrokerAway:
        is_queued = False
    if not is_queued:
        _send([Message(task, {})], queue=queue)


def next_runs(*, most: int) -> list[int]:
    """The ids of the runs whose wake-ups workers will take next, in that order. Raises BrokerAway."""
    bodies = current().next_messages(RUNS_QUEUE, most=most)
    return [run_id for body in bodies if (run_id := messages.run_id(body)) is not None]


def _wake_up(account_id: int, run_id: int) -> Message:
    return Message(EXECUTE_RUN, {"account_id": account_id, "run_id": run_id})


def _send(wake_ups: Sequence[Message], *, queue: str, at_head: bool = False) -> bool:
    """Whether they were sent."""
    global _paused_until  # noqa: PLW0603 — this process has one broker
    if time.monotonic() < _paused_until:
        return False
    try:
        current().send(wake_ups, queue=queue, at_head=at_head)
    except BrokerAway as exc:
        if exc.has_waited:
            _paused_until = time.monotonic() + PAUSE_SECONDS
        log.warning("wake_up_not_sent", queue=queue, count=len(wake_ups), error=str(exc))
        return False
    return True
