"""Versions of assistants: every save makes a new one, or a new assistant; existing versions are read-only."""

from typing import Any, ClassVar

import orjson
from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString

from conversations.admin.conversations.presets import ParametersField
from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.admin.site.row_ids import is_row_id
from conversations.errors import ParleyError
from conversations.models import AssistantVersion
from conversations.rules.generation import preset_options
from conversations.services.assistants import assistants
from conversations.services.assistants import fields as rules
from conversations.services.assistants.fields import AssistantFields

# What a list or an object is when nothing is typed for it.
EMPTY: dict[str, Any] = {"options": {}, "knowledge": [], "tools": [], "intents": []}


class VersionForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    class Meta:
        field_classes: ClassVar = dict.fromkeys(EMPTY, ParametersField)

    def clean_options(self) -> dict[str, Any]:
        try:
            return preset_options.checked(self.cleaned_data["options"] or {}, param="options")
        except ParleyError as exc:
            raise forms.ValidationError(exc.message) from exc

    def clean(self) -> dict[str, Any]:
        """What is wrong stands beside its field. Whether the account has what is named is found out by the service."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            given = rules.checked(_given(cleaned))
            rules.check_together(AssistantFields(**given))
            rules.check_model(given["model"], allowed=())
        except ParleyError as exc:
            self.add_error(exc.param if exc.param in self.fields else None, exc.message)
        return cleaned


@admin.register(AssistantVersion)
class AssistantVersionAdmin(BaseAdmin):
    can_add = True
    form = VersionForm
    list_display = ("name", "shown_number", "assistant", "account", "kind", "model", "created_at")
    list_select_related = ("account", "assistant")
    list_filter = (("account", RelatedFilter),)
    search_fields = ("assistant__public_id__startswith",)
    search_help_text = "Public id of the assistant, from its start"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("account", "assistant", "number", "name", "kind", "created_at")}),
        ("Answers", {"fields": ("model", "shown_prompt", "shown_options", "greeting", "decodes_base64")}),
        ("Memory", {"fields": ("has_context", "history_most", "requires_token")}),
        ("Context", {"fields": ("knowledge", "search", "tools", "intents", "fallback", "shown_fallback_text")}),
    )
    readonly_fields = ("number", "created_at", "shown_prompt", "shown_options", "shown_fallback_text")
    autocomplete_fields = ("account",)
    actions_detail = ("new_version",)

    def get_fieldsets(self, request: HttpRequest, obj: AssistantVersion | None = None) -> Any:
        """A version of an assistant stays in its account."""
        if obj is not None:
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": rules.NAMES if _source(request) else ("account", *rules.NAMES)}),)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The values of the version that `?from=` names."""
        if (source := _source(request)) is None:
            return dict(super().get_changeform_initial_data(request))
        return {name: getattr(source, name) for name in rules.NAMES}

    def save_model(self, request: HttpRequest, obj: AssistantVersion, form: VersionForm, change: bool) -> None:
        given = _given(form.cleaned_data)
        if source := _source(request):
            assistant_id = source.assistant.public_id
            saved = assistants.change(account_id=source.account_id, assistant_id=assistant_id, given=given)
        else:
            saved = assistants.create(account_id=obj.account_id, given=given)
        obj.pk, obj.number = saved.pk, saved.number

    @display(description="Version")
    def shown_number(self, version: AssistantVersion) -> str:
        return f"v{version.number}"

    @display(description="Prompt")
    def shown_prompt(self, version: AssistantVersion) -> SafeString:
        return formatting.preformatted(version.prompt)

    @display(description="Options")
    def shown_options(self, version: AssistantVersion) -> SafeString:
        return formatting.body(orjson.dumps(version.options).decode())

    @display(description="Fallback text")
    def shown_fallback_text(self, version: AssistantVersion) -> SafeString:
        return formatting.preformatted(version.fallback_text)

    @action(description="New version from this one", icon="edit_note", url_path="new-version", permissions=["add"])
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(f"{reverse('admin:conversations_assistantversion_add')}?from={object_id}")


def _source(request: HttpRequest) -> AssistantVersion | None:
    """The version that the form begins with; its address says it when it is sent too."""
    key = request.GET.get("from", "")
    if not is_row_id(key):
        return None
    return AssistantVersion.objects.filter(pk=key).select_related("assistant").first()


def _given(cleaned: dict[str, Any]) -> dict[str, Any]:
    values = {name: cleaned[name] for name in rules.NAMES if name in cleaned}
    return {name: EMPTY[name] if name in EMPTY and value is None else value for name, value in values.items()}
