"""Usage: what accounts have used, by day. Read-only: it is added up from the runs that ended."""

from django.contrib import admin

from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import display
from conversations.admin.site.formatting import amount as shown
from conversations.models import ApiKey, UsageOfDay
from conversations.values.usage import TOKENS


@admin.register(UsageOfDay)
class UsageOfDayAdmin(BaseAdmin):
    list_display = ("day", "account", "model", "runs", "tokens", "shown_cost", "shown_price", "vendor", "attempts")
    list_select_related = ("account",)
    list_filter = (("account", RelatedFilter),)
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": (("day", "account"), ("model", "api_key"), ("vendor", "upstream_model"), "attempts")}),
        ("Runs", {"fields": (("runs", "search"), ("unpriced_runs", "estimated_runs"))}),
        (
            "Tokens",
            {
                "fields": (
                    *(("input", "output"), ("cache_read", "reasoning"), ("cache_write_5m", "cache_write_1h")),
                    *(("image_input", "image_output"), ("audio_input", "audio_output")),
                )
            },
        ),
        ("Amounts", {"fields": (("shown_cost", "shown_written_off"), ("shown_price", "shown_vendor_cost"))}),
    )
    readonly_fields = ("attempts", "api_key", "shown_cost", "shown_written_off", "shown_price", "shown_vendor_cost")

    @display(description="Attempts")
    def attempts(self, usage: UsageOfDay) -> str:
        """Those that were put back have lines of their own: nobody pays for them."""
        return "put back" if usage.is_put_back else "that ended runs"

    @display(description="Tokens")
    def tokens(self, usage: UsageOfDay) -> str:
        return f"{sum(getattr(usage, name) for name in TOKENS):,}"

    @display(description="API key")
    def api_key(self, usage: UsageOfDay) -> str:
        return str(ApiKey.objects.for_account(usage.account_id).filter(pk=usage.api_key_key).first() or "–")

    @display(description="Cost")
    def shown_cost(self, usage: UsageOfDay) -> str:
        return shown(usage.cost)

    @display(description="Written off")
    def shown_written_off(self, usage: UsageOfDay) -> str:
        return shown(usage.written_off)

    @display(description="Price")
    def shown_price(self, usage: UsageOfDay) -> str:
        return shown(usage.price)

    @display(description="Vendor's price")
    def shown_vendor_cost(self, usage: UsageOfDay) -> str:
        return shown(usage.vendor_cost)
