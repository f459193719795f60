"""Targets of models: added, changed, disabled and deleted; and the page that shows what is out at the moment."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminSelectWidget

from conversations.admin.site.base import BaseAdmin, Confirmation
from conversations.admin.site.decorators import action, display
from conversations.admin.upstreams import state
from conversations.admin.upstreams.state import ENABLED_LABELS, EnabledFilter, enabled_word, vendor_choices
from conversations.models import UpstreamTarget
from conversations.models.upstreams import MAX_WEIGHT
from conversations.services.upstreams import targets

DELETION = Confirmation(
    title="Delete targets",
    consequence="A model without targets of its own is served as the catalogue and the environment say.",
)
GIVEN = (
    *("model", "vendor", "key", "upstream_model", "priority", "weight", "max_concurrent"),
    *("connect_timeout", "read_timeout", "context_window", "max_output_tokens", "is_enabled"),
)


class TargetForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    vendor = forms.ChoiceField(
        choices=vendor_choices, widget=UnfoldAdminSelectWidget, help_text="Where a key is given, its vendor counts."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        state.within(self, priority=(1, targets.MAX_PRIORITY), weight=(1, MAX_WEIGHT))


@admin.register(UpstreamTarget)
class UpstreamTargetAdmin(BaseAdmin):
    can_add = True
    can_change = True
    form = TargetForm
    list_display = ("model", "priority", "shown", "key", "weight", "max_concurrent", "state", "created_at")
    list_select_related = ("key",)
    list_filter = (EnabledFilter,)
    search_fields = ("model__istartswith",)
    search_help_text = "Model, from its start"
    ordering = ("model", "priority", "pk")
    fieldsets = ((None, {"fields": (*GIVEN, "created_at")}),)
    add_fieldsets = ((None, {"fields": GIVEN}),)
    readonly_fields = ("created_at",)
    autocomplete_fields = ("key",)
    actions = ("enable", "disable", "delete_targets")
    actions_list = ("now",)

    def save_model(self, request: HttpRequest, obj: UpstreamTarget, form: TargetForm, change: bool) -> None:
        targets.save(obj)

    @display(description="Vendor's model")
    def shown(self, target: UpstreamTarget) -> str:
        return f"{target.vendor} / {target.upstream_model or target.model}"

    @display(description="State", label=ENABLED_LABELS)
    def state(self, target: UpstreamTarget) -> str:
        return enabled_word(target)

    @action(description="State of all targets", icon="monitor_heart", url_path="now", permissions=["view"])
    def now(self, request: HttpRequest) -> HttpResponse:
        return state.page(self, request)

    @action(description="Enable", permissions=["act"])
    def enable(self, request: HttpRequest, queryset: QuerySet[UpstreamTarget]) -> None:
        changed = targets.set_enabled(target_ids=list(queryset.values_list("pk", flat=True)), is_enabled=True)
        messages.success(request, f"Targets enabled: {changed}.")

    @action(description="Disable", permissions=["act"])
    def disable(self, request: HttpRequest, queryset: QuerySet[UpstreamTarget]) -> None:
        changed = targets.set_enabled(target_ids=list(queryset.values_list("pk", flat=True)), is_enabled=False)
        messages.success(request, f"Targets disabled: {changed}.")

    @action(description="Delete targets", permissions=["erase"])
    def delete_targets(self, request: HttpRequest, queryset: QuerySet[UpstreamTarget]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset.select_related("key"), DELETION, action="delete_targets")
        deleted = targets.delete(target_ids=list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"Targets deleted: {deleted}.")
        return None
