"""Keys of vendors: added, replaced, disabled and deleted. A key is never shown, neither when it is added nor later."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from conversations.admin.site.base import BaseAdmin, Confirmation
from conversations.admin.site.decorators import action, display
from conversations.admin.upstreams import state
from conversations.admin.upstreams.state import ENABLED_LABELS, EnabledFilter, enabled_word, vendor_choices
from conversations.models import UpstreamKey
from conversations.models.upstreams import MAX_WEIGHT
from conversations.services.upstreams import keys

DELETION = Confirmation(
    title="Delete keys",
    consequence="They are erased for good, and with them the targets that are asked with them alone. Runs that used "
    "them keep their names. A vendor without keys here is asked with those of the environment.",
)


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    vendor = forms.ChoiceField(choices=vendor_choices, widget=UnfoldAdminSelectWidget)
    secret = forms.CharField(
        required=False,
        strip=True,
        max_length=keys.SECRET_MAX_CHARS,
        label="Key",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="It is not shown again. Leave it empty to keep the one that is stored.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        state.within(self, weight=(1, MAX_WEIGHT))


@admin.register(UpstreamKey)
class UpstreamKeyAdmin(BaseAdmin):
    can_add = True
    can_change = True
    form = KeyForm
    list_display = ("name", "vendor", "base_url", "state", "weight", "max_concurrent", "created_at", "replaced_at")
    list_filter = (EnabledFilter,)
    search_fields = ("name__istartswith",)
    search_help_text = "Name, from its start"
    ordering = ("-pk",)
    fields = (
        *("name", "vendor", "base_url", "secret", "fingerprint", "weight", "max_concurrent", "is_enabled"),
        *("created_at", "replaced_at"),
    )
    readonly_fields = ("fingerprint", "created_at", "replaced_at")
    add_fieldsets = (
        (None, {"fields": ("name", "vendor", "base_url", "secret", "weight", "max_concurrent", "is_enabled")}),
    )
    actions = ("enable", "disable", "delete_keys")

    def save_model(self, request: HttpRequest, obj: UpstreamKey, form: KeyForm, change: bool) -> None:
        keys.save(obj, secret=form.cleaned_data["secret"] or None)

    @display(description="State", label=ENABLED_LABELS)
    def state(self, key: UpstreamKey) -> str:
        """A key that is enabled and cannot be decrypted is asked for nothing, and has to be entered again."""
        word = enabled_word(key)
        return "undecryptable" if word == "enabled" and not keys.is_decryptable(key) else word

    @action(description="Enable", permissions=["act"])
    def enable(self, request: HttpRequest, queryset: QuerySet[UpstreamKey]) -> None:
        changed = keys.set_enabled(key_ids=list(queryset.values_list("pk", flat=True)), is_enabled=True)
        messages.success(request, f"Keys enabled: {changed}.")

    @action(description="Disable", permissions=["act"])
    def disable(self, request: HttpRequest, queryset: QuerySet[UpstreamKey]) -> None:
        changed = keys.set_enabled(key_ids=list(queryset.values_list("pk", flat=True)), is_enabled=False)
        messages.success(request, f"Keys disabled: {changed}.")

    @action(description="Delete keys", permissions=["erase"])
    def delete_keys(self, request: HttpRequest, queryset: QuerySet[UpstreamKey]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset, DELETION, action="delete_keys")
        deleted = keys.delete(key_ids=list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"Keys deleted: {deleted}.")
        return None
