"""Differences: what the last comparison of ledger, balances and active runs has found. They are looked at only."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString

from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.decorators import display
from conversations.models import LedgerDifference, Run


@admin.register(LedgerDifference)
class LedgerDifferenceAdmin(BaseAdmin):
    list_display = ("what", "account", "run_link", "shown_expected", "shown_found", "difference", "created_at")
    list_select_related = ("account",)
    ordering = ("-pk",)
    fields = (
        ("what", "created_at"), ("account", "run_link"), ("shown_expected", "shown_found"), ("difference", "ledger"),
    )  # fmt: skip
    readonly_fields = ("run_link", "shown_expected", "shown_found", "difference", "ledger")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerDifference]:
        run = Run.objects.filter(account=OuterRef("account"), pk=OuterRef("run_key")).values("public_id")
        rows: QuerySet[LedgerDifference] = self.rows(request).annotate(run_public_id=Subquery(run))
        return rows

    @display(description="Run")
    def run_link(self, row: Any) -> SafeString | str:
        return formatting.run_link(row.run_key or None, row.run_public_id)

    @display(description="Expected")
    def shown_expected(self, row: LedgerDifference) -> str:
        return _number(row.expected)

    @display(description="Found")
    def shown_found(self, row: LedgerDifference) -> str:
        return _number(row.found)

    @display(description="Difference")
    def difference(self, row: LedgerDifference) -> str:
        return _number(row.found - row.expected)

    @display(description="Ledger")
    def ledger(self, row: LedgerDifference) -> SafeString:
        return formatting.list_link(
            "conversations_ledgerentry", "The account's entries", account__id__exact=row.account_id
        )


def _number(value: Decimal) -> str:
    """Of money, or of calls."""
    return f"{value.normalize():f}"
