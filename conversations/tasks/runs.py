"""Celery's entry points for runs: one call each, safe to run twice."""

from typing import Any

from celery import shared_task

from conversations import broker
from conversations.workers import sweep as sweeping
from conversations.workers.dry_runs import perform
from conversations.workers.runs import execution


@shared_task(name=broker.EXECUTE_RUN)
def execute(*, run_id: int, account_id: int | None = None, **_future: Any) -> None:
    """A message of the release before this one names no account."""
    execution.execute(account_id=account_id, run_id=run_id)


@shared_task(name=broker.DRY_RUN)
def dry_run(*, dry_run_id: str, **_future: Any) -> None:
    perform.perform(dry_run_id=dry_run_id)


@shared_task(name=broker.SWEEP_RUNS)
def sweep(**_future: Any) -> None:
    sweeping.sweep()
