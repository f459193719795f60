"""The rows of workers: registered when they start, kept alive by heartbeats."""

from collections.abc import Collection

from django.db.models.functions import Now

from conversations.models import ActiveRun, Worker
from conversations.values.runs import RunStatus


def register(*, name: str, queue: str, threads: int) -> int:
    """The new worker's id. `threads`: how many runs it can have in progress at once."""
    return Worker.objects.create(name=name, queue=queue, threads=threads).pk


def beat(*, worker_id: int, failing: Collection[str] = ()) -> None:
    """Renews the worker's lease. `failing`: the names of its threads that have died."""
    Worker.objects.filter(pk=worker_id).update(heartbeat_at=Now(), failing=",".join(failing))


def cancelled_runs(*, worker_id: int) -> set[int]:
    """The ids of the worker's runs in progress that somebody asked to stop."""
    in_progress = ActiveRun.objects.filter(worker=worker_id, status=RunStatus.IN_PROGRESS.value)
    mine = in_progress.filter(cancel_requested_at__isnull=False)
    return set(mine.values_list("pk", flat=True))


def stop(*, worker_id: int) -> None:
    Worker.objects.filter(pk=worker_id, stopped_at=None).update(stopped_at=Now())
