"""Runs: the record of every turn, also of unstored ones."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Left, Length
from django.http import HttpRequest
from django.utils.safestring import SafeString

from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin, ReadOnlyInline
from conversations.admin.site.changelists import BoundedChoicesFilter, RelatedFilter
from conversations.admin.site.decorators import display
from conversations.admin.webhooks.deliveries import DeliveryInline
from conversations.dialects import registry
from conversations.models import Reference, Run, RunAttempt
from conversations.values.runs import RunStatus

# Canonical JSON that may hold whole files. The transcript shows the messages made from it.
BULKY = ("request", "answer")
LIST_DEFERS = (*BULKY, "preset_text", "error_message", "usage")


class DialectFilter(BoundedChoicesFilter):
    title = "dialect, of the newest 100,000"
    parameter_name = "dialect__exact"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return list(registry.choices())


class AttemptInline(ReadOnlyInline):
    model = RunAttempt
    fields = (
        *("number", "outcome", "error_code", "worker_name", "started_at", "took"),
        *("upstream_calls", "upstream_request_id"),
    )
    readonly_fields = fields
    ordering = ("number",)
    hide_title = True
    verbose_name_plural = "attempts"

    @display(description="Took")
    def took(self, attempt: RunAttempt) -> str:
        return formatting.seconds(attempt.started_at, attempt.ended_at)


class ReferenceInline(ReadOnlyInline):
    model = Reference
    fields = ("position", "kind", "name", "shown")
    readonly_fields = fields
    ordering = ("position",)
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reference]:
        """Reads no more than is shown of a content that may have megabytes."""
        rows: QuerySet[Reference] = super().get_queryset(request).defer("content")
        return rows.annotate(beginning=Left("content", formatting.TEXT_SHOWN_CHARS), chars=Length("content"))

    @display(description="Content")
    def shown(self, reference: Any) -> SafeString:
        return formatting.preformatted(reference.beginning, chars=reference.chars)


@admin.register(Run)
class RunAdmin(BaseAdmin):
    list_display = ("public_id", "account", "state", "error_code", "model", "attempt", "created_at", "duration")
    list_select_related = ("account",)
    list_filter = ("status", DialectFilter, ("account", RelatedFilter))
    search_fields = ("public_id__startswith",)
    search_help_text = "Public id, from its start"
    ordering = ("-pk",)
    inlines = (AttemptInline, ReferenceInline, DeliveryInline)
    fieldsets = (
        (None, {"fields": ("public_id", "state", "error_code", "shown_error", "conversation", "account", "api_key")}),
        ("Question", {"fields": ("dialect", "model", "context_window", "preset", "shown_preset", "trace_id")}),
        ("Progress", {"fields": ("timeline", "attempt", "attempts_lost", "worker", "is_streamed", "shown_usage")}),
    )
    readonly_fields = ("state", "shown_error", "shown_preset", "timeline", "shown_usage")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        is_list = request.resolver_match and request.resolver_match.url_name == "conversations_run_changelist"
        return self.rows(request).defer(*(LIST_DEFERS if is_list else BULKY))

    @display(description="Status", label=formatting.RUN_STATUS_LABELS)
    def state(self, run: Run) -> str:
        return run.status

    @display(description="Duration")
    def duration(self, run: Run) -> str:
        """From accept to the end."""
        return formatting.seconds(run.created_at, run.finished_at)

    @display(description="Times")
    def timeline(self, run: Run) -> SafeString:
        """`queued_at` is the last time it began to wait: it differs from `created_at` after the first attempt.

        A queued run that was not woken is held (`services/runs/fair_shares.py`).
        """
        later = {
            "queued again": run.queued_at if run.queued_at > run.created_at else None,
            "woken": run.woken_at if run.status == RunStatus.QUEUED.value else None,
            "claimed": run.claimed_at,
            "first token": run.first_token_at,
            "ended": run.finished_at,
        }
        return formatting.timeline("accepted", run.created_at, later)

    @display(description="Usage", empty_value="—")
    def shown_usage(self, run: Run) -> str | None:
        return formatting.usage(run.usage) or None

    @display(description="Error message")
    def shown_error(self, run: Run) -> SafeString:
        return formatting.preformatted(run.error_message)

    @display(description="System prompt")
    def shown_preset(self, run: Run) -> SafeString:
        return formatting.preformatted(run.preset_text or "")
