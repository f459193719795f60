"""Worker: one process that executes runs. Its heartbeat is the lease of every run that points at it."""

from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models.functions import Now

# A worker whose heartbeat is older than this has lost its runs. It beats every 2 s.
LEASE_SECONDS = 8.0


class WorkerRows(models.QuerySet["Worker"]):
    def alive(self) -> Self:
        return self.filter(stopped_at=None, heartbeat_at__gte=Now() - timedelta(seconds=LEASE_SECONDS))


class Worker(models.Model):
    name = models.CharField(max_length=200, unique=True, help_text="Host, process id and a random part.")
    queue = models.CharField(max_length=50)
    threads = models.PositiveIntegerField(db_default=0, help_text="How many runs it can have in progress at once.")
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    stopped_at = models.DateTimeField(null=True, help_text="Set when it stopped cleanly.")
    failing = models.CharField(max_length=100, db_default="", help_text="The names of its threads that have died.")

    objects = WorkerRows.as_manager()

    class Meta:
        # The sweep and /readyz: which workers are alive?
        indexes = (
            models.Index(
                fields=["queue", "-heartbeat_at"],
                name="worker_alive_by_queue",
                condition=models.Q(stopped_at=None),
            ),
        )

    def __str__(self) -> str:
        return self.name
