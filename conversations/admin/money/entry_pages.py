"""The ledger as it is read: its list, and the page of an entry."""

from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.changelists import BoundedChoicesFilter, RelatedFilter
from conversations.admin.site.decorators import display
from conversations.models import LedgerEntry
from conversations.models.money.ledger import KINDS

# Unfold's colours for labels. What turns do has none, so that what was entered by hand is seen.
KIND_COLOURS = {"top up": "success", "adjust": "warning", "refund": "info"}
# Public ids of one day begin alike.
RUN_SHOWN_CHARS = 8


class KindFilter(BoundedChoicesFilter):
    title = "kind, of the newest 100,000"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return list(KINDS)


class EntryPages(BaseAdmin):
    list_display = (
        *("created_at", "account", "shown_kind", "amount_column", "reserved_column", "calls_column"),
        *("run_column", "model", "note"),
    )
    list_select_related = ("account",)
    list_filter = (KindFilter, ("account", RelatedFilter))
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *(("account", "shown_kind"), ("created_at", "run_link"), ("model", "usage_source")),
                    ("reference", "note"),
                )
            },
        ),
        ("What it adds", {"fields": (("shown_amount", "shown_reserved"), ("calls", "shown_written_off"))}),
        ("Why so much", {"fields": ("explanation",)}),
    )
    readonly_fields = (
        *("shown_kind", "created_at", "run_link"),
        *("shown_amount", "shown_reserved", "shown_written_off"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        # Nothing else is read of the runs. One that was deleted by age has no public id any more.
        rows: QuerySet[LedgerEntry] = self.rows(request).annotate(run_public_id=F("run__public_id"))
        match = request.resolver_match
        is_list = match and match.url_name == "conversations_ledgerentry_changelist"
        return rows.defer("explanation") if is_list else rows

    def get_fieldsets(self, request: HttpRequest, obj: LedgerEntry | None = None) -> Any:
        """The price is explained where there is one: an entry by hand has none."""
        shown = super().get_fieldsets(request, obj)
        return shown[:-1] if obj and obj.explanation is None else shown

    @display(description="Kind", label=KIND_COLOURS)
    def shown_kind(self, entry: LedgerEntry) -> str:
        return str(entry.get_kind_display())

    @display(description="Amount")
    def amount_column(self, entry: LedgerEntry) -> SafeString:
        return formatting.amount_cell(entry.amount)

    @display(description="Reserved")
    def reserved_column(self, entry: LedgerEntry) -> SafeString:
        return formatting.amount_cell(entry.reserved)

    @display(description="Calls", empty_value=formatting.NOTHING)
    def calls_column(self, entry: LedgerEntry) -> int | None:
        return entry.calls or None

    @display(description="Run")
    def run_column(self, entry: Any) -> SafeString | str:
        return formatting.run_link(entry.run_id, entry.run_public_id, chars=RUN_SHOWN_CHARS)

    @display(description="Run")
    def run_link(self, entry: Any) -> SafeString | str:
        return formatting.run_link(entry.run_id, entry.run_public_id)

    @display(description="Amount")
    def shown_amount(self, entry: LedgerEntry) -> str:
        return formatting.amount(entry.amount)

    @display(description="Reserved")
    def shown_reserved(self, entry: LedgerEntry) -> str:
        return formatting.amount(entry.reserved)

    @display(description="Written off")
    def shown_written_off(self, entry: LedgerEntry) -> str:
        return formatting.amount(entry.written_off)
