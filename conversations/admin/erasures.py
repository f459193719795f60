"""Erasures: what is being erased or was, how far it is, and what was found at the end. They are begun elsewhere."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import display
from conversations.models import Erasure


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("unfinished", "Unfinished"), ("done", "Done")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Erasure]) -> QuerySet[Erasure]:
        if self.value() not in ("unfinished", "done"):
            return queryset
        return queryset.filter(finished_at__isnull=self.value() == "unfinished")


@admin.register(Erasure)
class ErasureAdmin(BaseAdmin):
    list_display = ("public_id", "account", "subject", "subject_id", "state", "progress", "requested_by", "created_at")
    list_select_related = ("account",)
    list_filter = (StateFilter, ("account", RelatedFilter))
    search_fields = ("public_id__exact", "subject_id__exact")
    search_help_text = "The whole id of the erasure, or of its subject"
    ordering = ("-pk",)
    fields = (
        ("public_id", "account"),
        ("subject", "subject_id"),
        ("state", "step", "progress"),
        ("erased", "left"),
        "error",
        ("requested_by", "created_at", "finished_at"),
    )
    readonly_fields = ("state", "progress")

    @display(description="State", label={"done": "success", "running": "info", "failing": "danger"})
    def state(self, erasure: Erasure) -> str:
        return erasure.state

    @display(description="Steps")
    def progress(self, erasure: Erasure) -> str:
        return f"{erasure.runs_done} of {'?' if erasure.runs_total is None else erasure.runs_total}"
