"""Presets: every save creates a new version; existing versions are read-only."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString

from conversations import routing
from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.admin.site.row_ids import is_row_id
from conversations.errors import ParleyError
from conversations.models import Preset
from conversations.rules.generation import preset_options
from conversations.services import presets
from conversations.values.requests import Operation

COPIED = ("name", "text", "model", "parameters")


class ParametersField(forms.JSONField):
    """Also refuses JSON that Python cannot parse (deep nesting, a number of 5,000 digits): Django answers 500 there."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > preset_options.MAX_BYTES:
            raise forms.ValidationError(f"Give at most {preset_options.MAX_BYTES} characters.")
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as exc:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from exc

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Shows what was sent again unchanged."""
        return InvalidJSONInput(data) if isinstance(data, str) else super().bound_data(data, initial)


class PresetForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    class Meta:
        field_classes: ClassVar = {"parameters": ParametersField}

    def clean_model(self) -> str:
        """Only a model that exists: callers that name none cannot correct it."""
        model: str = self.cleaned_data["model"]
        try:
            if model:
                routing.entry_for(model, operation=Operation.CHAT)
        except ParleyError as exc:
            raise forms.ValidationError(exc.message) from exc
        return model

    def clean_parameters(self) -> dict[str, Any]:
        """Generation options by name."""
        try:
            return preset_options.checked(self.cleaned_data["parameters"] or {})
        except ParleyError as exc:
            raise forms.ValidationError(exc.message) from exc


class LatestFilter(admin.SimpleListFilter):
    title = "version"
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("latest", "Latest only")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Preset]) -> QuerySet[Preset]:
        if self.value() != "latest":
            return queryset
        newer = Preset.objects.filter(
            account=OuterRef("account"), name=OuterRef("name"), version__gt=OuterRef("version")
        )
        return queryset.filter(~Exists(newer))


@admin.register(Preset)
class PresetAdmin(BaseAdmin):
    can_add = True
    form = PresetForm
    list_display = ("name", "shown_version", "account", "model", "created_at")
    list_select_related = ("account",)
    list_filter = (LatestFilter, ("account", RelatedFilter))
    search_fields = ("name__istartswith", "account__name__istartswith")
    search_help_text = "Preset or account, from its start"
    ordering = ("-pk",)
    fields = ("account", "name", "version", "shown_text", "model", "parameters", "created_at")
    readonly_fields = ("version", "shown_text", "created_at")
    autocomplete_fields = ("account",)
    add_fieldsets = ((None, {"fields": ("account", *COPIED)}),)
    actions_detail = ("new_version",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The values of the version that `?from=` names."""
        source = request.GET.get("from", "")
        version = Preset.objects.filter(pk=source).first() if is_row_id(source) else None
        if version is None:
            return dict(super().get_changeform_initial_data(request))
        return {"account": version.account_id, **{name: getattr(version, name) for name in COPIED}}

    def save_model(self, request: HttpRequest, obj: Preset, form: PresetForm, change: bool) -> None:
        saved = presets.save(
            account=obj.account, name=obj.name, text=obj.text, model=obj.model, parameters=obj.parameters
        )
        obj.pk, obj.version = saved.pk, saved.version

    @display(description="Version")
    def shown_version(self, preset: Preset) -> str:
        return f"v{preset.version}"

    @display(description="Text")
    def shown_text(self, preset: Preset) -> SafeString:
        return formatting.preformatted(preset.text)

    @action(description="New version from this one", icon="edit_note", url_path="new-version", permissions=["add"])
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(f"{reverse('admin:conversations_preset_add')}?from={object_id}")
