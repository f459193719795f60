"""Prices: looked at, added from a date on, and withdrawn as long as they are not valid; never changed."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget

from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.decorators import action, display
from conversations.models import Price
from conversations.queries.money import prices as price_queries
from conversations.rules.prices import price_files
from conversations.services.money import prices

TIER = re.compile(r"\s*([0-9]{1,12})\s*:\s*([0-9]{1,6}(?:\.[0-9]{1,10})?)\s*")
TIERS_MAX_CHARS = 500


class TiersField(forms.CharField):
    """Dearer or cheaper prices of long prompts, as `272001: 5, 500001: 8`."""

    def clean(self, value: Any) -> dict[int, Decimal]:
        text = super().clean(value)
        found: dict[int, Decimal] = {}
        for part in text.split(",") if text.strip() else []:
            match = TIER.fullmatch(part)
            if match is None or not 1 <= int(match[1]) <= price_files.MAX_INPUT_TOKENS or int(match[1]) in found:
                raise forms.ValidationError("Write tokens and price, as in 272001: 5, 500001: 8; each tier once.")
            found[int(match[1])] = Decimal(match[2])
        return found


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    vendor = forms.ChoiceField(
        choices=lambda: [(name, name) for name in sorted(prices.vendors())],
        widget=UnfoldAdminSelectWidget,
    )
    tiers = TiersField(
        widget=UnfoldAdminTextInputWidget,
        max_length=TIERS_MAX_CHARS,
        required=False,
        help_text="Of long prompts: from how many tokens on, and the price. For example 272001: 5, 500001: 8",
    )
    valid_from = forms.SplitDateTimeField(
        widget=UnfoldAdminSplitDateTimeWidget,
        required=False,
        help_text="UTC. Empty means in five seconds, when all processes know of it.",
    )

    def clean_model(self) -> str:
        model: str = self.cleaned_data["model"]
        if problem := price_files.name_problem(model):
            raise forms.ValidationError(f"It {problem}.")
        return model

    def clean_amount(self) -> Decimal:
        try:
            return price_files.price(self.cleaned_data["amount"])
        except ValueError as exc:
            raise forms.ValidationError(f"It {exc}.") from exc

    def clean_valid_from(self) -> datetime | None:
        moment: datetime | None = self.cleaned_data["valid_from"]
        if moment is not None and not price_files.EARLIEST <= moment < price_files.LATEST:
            raise forms.ValidationError("There is no such day in this calendar.")
        return moment


class ValidNowFilter(admin.SimpleListFilter):
    title = "validity"
    parameter_name = "valid"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("now", "Valid now"), ("later", "Not valid yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Price]) -> QuerySet[Price]:
        if self.value() == "now":
            return price_queries.valid_now(queryset)
        return queryset.filter(valid_from__gt=timezone.now()) if self.value() == "later" else queryset


class VendorFilter(admin.SimpleListFilter):
    title = "vendor"
    parameter_name = "of"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return list(prices.vendors().items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Price]) -> QuerySet[Price]:
        return queryset.filter(vendor=self.value()) if self.value() else queryset


@admin.register(Price)
class PriceAdmin(BaseAdmin):
    can_add = True
    form = PriceForm
    list_display = ("vendor", "model", "kind", "shown_amount", "from_input_tokens", "valid_from", "source")
    list_filter = (ValidNowFilter, VendorFilter, "kind", "source")
    search_fields = ("model__istartswith",)
    search_help_text = "The model's name, from its start"
    ordering = ("-pk",)
    fields = ("vendor", "model", "kind", "shown_amount", "from_input_tokens", "valid_from", "source", "created_at")
    readonly_fields = ("shown_amount", "created_at")
    add_fieldsets = ((None, {"fields": ("vendor", "model", "kind", "amount", "tiers", "valid_from")}),)
    actions = ("withdraw",)

    def save_model(self, request: HttpRequest, obj: Price, form: PriceForm, change: bool) -> None:
        amounts = {0: obj.amount, **form.cleaned_data["tiers"]}
        saved = prices.add(
            vendor=obj.vendor,
            model=obj.model,
            kind=obj.kind,
            amounts=amounts,
            valid_from=form.cleaned_data["valid_from"],
        )
        obj.pk = saved.pk

    @display(description="Amount")
    def shown_amount(self, price: Price) -> str:
        return f"{price.amount.normalize():f} {price.currency}"

    @action(description="Withdraw those that are not valid yet", permissions=["act"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Price]) -> None:
        withdrawn = prices.withdraw(price_ids=list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"Prices withdrawn: {withdrawn}. What is valid stays.")
