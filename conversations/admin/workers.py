"""Workers: the processes that execute runs, and whether they are alive."""

from django.contrib import admin
from django.db.models import Case, Count, IntegerField, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.decorators import display
from conversations.models import ActiveRun, Worker
from conversations.values.runs import RunStatus

ALIVE, STOPPED, LOST = "alive", "stopped", "lost"


@admin.register(Worker)
class WorkerAdmin(BaseAdmin):
    list_display = ("name", "queue", "state", "runs_in_progress", "started_at", "heartbeat_at", "stopped_at")
    list_filter = ("queue",)
    search_fields = ("name__startswith",)
    search_help_text = "Name, from its start"
    ordering = ("-pk",)
    fields = ("name", "queue", "started_at", "heartbeat_at", "stopped_at", "failing")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        in_progress = ActiveRun.objects.filter(worker=OuterRef("pk"), status=RunStatus.IN_PROGRESS.value).values(
            "worker"
        )
        counted = Subquery(in_progress.annotate(count=Count("pk")).values("count"), output_field=IntegerField())
        alive = Worker.objects.alive().values("pk")
        state = Case(
            When(stopped_at__isnull=False, then=Value(STOPPED)),
            When(pk__in=alive, then=Value(ALIVE)),
            default=Value(LOST),
        )
        rows: QuerySet[Worker] = self.rows(request).annotate(in_progress=Coalesce(counted, 0), state=state)
        return rows

    @display(description="State", label={ALIVE: "success", STOPPED: "info", LOST: "danger"})
    def state(self, worker: Worker) -> str:
        return str(worker.state)  # type: ignore[attr-defined]  # annotated above

    @display(description="Runs in progress")
    def runs_in_progress(self, worker: Worker) -> int:
        return int(worker.in_progress)  # type: ignore[attr-defined]  # annotated above
