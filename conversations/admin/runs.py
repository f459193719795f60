"""Runs: the record of every turn, also of unstored ones."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.db.models.functions import Left, Length
from django.http import HttpRequest
from django.utils.safestring import SafeString

from conversations.admin import whose
from conversations.admin.site import formatting, receipts, sources
from conversations.admin.site.base import BaseAdmin, ReadOnlyInline
from conversations.admin.site.changelists import BoundedChoicesFilter, RelatedFilter
from conversations.admin.site.decorators import display
from conversations.admin.webhooks.deliveries import DeliveryInline
from conversations.dialects import registry
from conversations.models import LedgerEntry, Reference, Run, RunAttempt, ToolCall, Worker
from conversations.models.money.ledger import ENDS
from conversations.queries import public_ids
from conversations.queries import sources as source_queries
from conversations.values.runs import RunStatus

# Canonical JSON that may hold whole files. The transcript shows the messages made from it.
BULKY = ("request", "answer")
OF_ACTIVE = ("attempts_lost", "worker", "is_streamed")
LIST_DEFERS = (*BULKY, "preset_text", "error_message", "usage")


class StatusFilter(admin.SimpleListFilter):
    """As a field of choices would be filtered; but a status is no column (`Run.status`)."""

    title = "status"
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(status.value, status.value) for status in RunStatus]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = self.value()
        return queryset.with_status(wanted) if wanted in set(RunStatus) else queryset


class DialectFilter(BoundedChoicesFilter):
    title = "dialect, of the newest 100,000"
    parameter_name = "dialect__exact"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return list(registry.choices())


class AttemptInline(ReadOnlyInline):
    model = RunAttempt
    fields = (
        *("number", "outcome", "error_code", "worker_name", "started_at", "took"),
        *("target", "shown_moves", "upstream_calls", "upstream_request_id"),
    )
    readonly_fields = fields
    ordering = ("number",)
    hide_title = True
    verbose_name_plural = "attempts"

    @display(description="Took")
    def took(self, attempt: RunAttempt) -> str:
        return formatting.seconds(attempt.started_at, attempt.ended_at)

    @display(description="Failed before it, or with it", empty_value="—")
    def shown_moves(self, attempt: RunAttempt) -> SafeString | None:
        return formatting.moves(attempt.moves)


class ToolCallInline(ReadOnlyInline):
    model = ToolCall
    fields = ("step", "index", "name", "tool_id", "status", "http_status", "took", "shown_arguments", "shown_result")
    readonly_fields = fields
    ordering = ("step", "index")
    hide_title = True
    verbose_name_plural = "tool calls"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ToolCall]:
        """Reads no more than is shown of what may have 64 kB each."""
        rows: QuerySet[ToolCall] = super().get_queryset(request).defer("arguments", "result", "provider_metadata")
        beginnings = {f"{name}_beginning": Left(name, formatting.TEXT_SHOWN_CHARS) for name in ("arguments", "result")}
        return rows.annotate(**beginnings, arguments_chars=Length("arguments"), result_chars=Length("result"))

    @display(description="Took", empty_value="—")
    def took(self, call: ToolCall) -> str | None:
        return None if call.seconds is None else f"{call.seconds:.2f} s"

    @display(description="Arguments")
    def shown_arguments(self, call: Any) -> SafeString:
        return formatting.preformatted(call.arguments_beginning, chars=call.arguments_chars)

    @display(description="Result")
    def shown_result(self, call: Any) -> SafeString:
        return formatting.preformatted(call.result_beginning, chars=call.result_chars)


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
    list_display = ("public_id", "account", "state", "error_code", "model", "shown_attempt", "created_at", "duration")
    list_select_related = ("account", "active")
    list_filter = (StatusFilter, DialectFilter, ("account", RelatedFilter))
    search_fields = ("public_id__startswith",)
    search_help_text = "Public id, from its start"
    ordering = ("-pk",)
    inlines = (AttemptInline, ToolCallInline, ReferenceInline, DeliveryInline)
    fieldsets = (
        (None, {"fields": ("public_id", "state", "error_code", "shown_error", "conversation", "account", "api_key")}),
        ("Asked by", {"fields": (("assistant", "visitor"),)}),
        ("Sources", {"fields": ("shown_sources",)}),
        ("Sent upstream", {"fields": ("shown_context",)}),
        ("Question", {"fields": ("dialect", "model", "context_window", "preset", "shown_preset", "trace_id")}),
        ("Progress", {"fields": ("timeline", "shown_attempt", *OF_ACTIVE, "shown_usage", "cost")}),
    )
    readonly_fields = (
        *("state", "shown_error", "shown_preset", "timeline", "shown_attempt"),
        *(*OF_ACTIVE, "shown_usage", "cost", "shown_sources", "shown_context"),
        *("assistant", "visitor"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        is_list = request.resolver_match and request.resolver_match.url_name == "conversations_run_changelist"
        rows = self.rows(request).defer(*(LIST_DEFERS if is_list else BULKY))
        return rows if is_list else source_queries.with_records(rows.select_related("active__worker"))

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        return (public_ids.backwards(),) if request.GET.get(SEARCH_VAR) else self.ordering

    @display(description="Status", label=formatting.RUN_STATUS_LABELS)
    def state(self, run: Run) -> str:
        return run.status

    @display(description="Attempt")
    def shown_attempt(self, run: Run) -> int:
        return run.progress.attempt

    @display(description="Attempts lost", empty_value="—")
    def attempts_lost(self, run: Run) -> int | None:
        """While it is active; afterwards the attempts themselves are listed."""
        return run.active.attempts_lost if run.is_active else None

    @display(description="Worker", empty_value="—")
    def worker(self, run: Run) -> Worker | None:
        return run.active.worker if run.is_active else None

    @display(description="Is streamed", empty_value="—")
    def is_streamed(self, run: Run) -> bool | None:
        return run.active.is_streamed if run.is_active else None

    @display(description="Assistant", empty_value="—")
    def assistant(self, run: Run) -> SafeString | None:
        return whose.assistant_of_run(run)

    @display(description="Visitor", empty_value="—")
    def visitor(self, run: Run) -> SafeString | None:
        return whose.visitor_of_run(run)

    @display(description="Duration")
    def duration(self, run: Run) -> str:
        """From accept to the end."""
        return formatting.seconds(run.created_at, run.finished_at)

    @display(description="Times")
    def timeline(self, run: Run) -> SafeString:
        """Those of the queue while the run is active: a queued run that was not woken is held (`fair_shares.py`).

        `queued_at` is the last time it began to wait: it differs from `created_at` after the first attempt.
        """
        active = run.active if run.is_active else None
        later = {
            "queued again": active.queued_at if active and active.queued_at > run.created_at else None,
            "woken": active.woken_at if active and run.status is RunStatus.QUEUED else None,
            "claimed": run.progress.claimed_at,
            "first token": run.first_token_at,
            "ended": run.finished_at,
        }
        return formatting.timeline("accepted", run.created_at, later)

    @display(description="Usage", empty_value="—")
    def shown_usage(self, run: Run) -> str | None:
        return formatting.usage(run.usage) or None

    @display(description="Cost", empty_value="—")
    def cost(self, run: Run) -> SafeString | str | None:
        """What its account was charged, and a link to the entry that says why; or what is reserved for it."""
        if run.is_active:
            return f"{formatting.amount(run.active.reserved)} reserved" if run.active.reserved is not None else None
        # By the index run_is_paid_once.
        end = LedgerEntry.objects.for_account(run.account_id).filter(run=run, kind__in=ENDS).first()
        return formatting.link("conversations_ledgerentry", end.pk, formatting.amount(abs(end.amount))) if end else None

    @display(description="Shown to the model", empty_value="—")
    def shown_sources(self, run: Run) -> SafeString | None:
        return sources.as_html(source_queries.of(run))

    @display(description="Receipt")
    def shown_context(self, run: Run) -> SafeString:
        return receipts.as_html(run)

    @display(description="Error message")
    def shown_error(self, run: Run) -> SafeString:
        return formatting.preformatted(run.error_message)

    @display(description="System prompt")
    def shown_preset(self, run: Run) -> SafeString:
        return formatting.preformatted(run.preset_text or "")
