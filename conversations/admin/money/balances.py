"""Balances: what each metered account has left. They change by the ledger alone."""

from django.contrib import admin
from django.utils.safestring import SafeString

from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.decorators import display
from conversations.models import Balance


@admin.register(Balance)
class BalanceAdmin(BaseAdmin):
    list_display = ("account", "shown_amount", "shown_reserved", "available", "calls_left")
    list_select_related = ("account",)
    search_fields = ("account__name__exact",)
    search_help_text = "The account's whole name"
    ordering = ("-pk",)
    fields = (("account", "ledger"), ("shown_amount", "calls_left"), ("shown_reserved", "available"), "created_at")
    readonly_fields = ("ledger", "shown_amount", "shown_reserved", "available")

    @display(description="Balance")
    def shown_amount(self, balance: Balance) -> str:
        return "pays no money" if balance.amount is None else formatting.amount(balance.amount)

    @display(description="Reserved")
    def shown_reserved(self, balance: Balance) -> str:
        return formatting.amount(balance.reserved)

    @display(description="Available")
    def available(self, balance: Balance) -> str:
        return formatting.amount(None if balance.amount is None else balance.amount - balance.reserved)

    @display(description="Ledger")
    def ledger(self, balance: Balance) -> SafeString:
        return formatting.list_link("conversations_ledgerentry", "Its entries", account__id__exact=balance.pk)
