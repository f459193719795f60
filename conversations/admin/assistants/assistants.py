"""Assistants: which one is the default, and their versions. They are changed by making another version."""

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from conversations.admin.site.base import BaseAdmin, Confirmation, ReadOnlyInline
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.models import Assistant, AssistantVersion
from conversations.queries.assistants import assistants as queries
from conversations.services.assistants import assistants

DELETION = Confirmation(
    title="Delete assistants",
    consequence="All their versions are erased for good. Conversations and runs stay, and say which assistant it was.",
)
NOT_THERE = "It was deleted."


class VersionInline(ReadOnlyInline):
    """The newest first."""

    model = AssistantVersion
    fields = ("number", "name", "kind", "model", "created_at")
    readonly_fields = fields
    ordering = ("-number",)
    hide_title = True
    show_change_link = True


@admin.register(Assistant)
class AssistantAdmin(BaseAdmin):
    list_display = ("shown_name", "public_id", "account", "version", "state", "created_at")
    list_select_related = ("account",)
    list_filter = (("account", RelatedFilter),)
    search_fields = ("public_id__startswith",)
    search_help_text = "Public id, from its start"
    ordering = ("-pk",)
    fields = ("public_id", "account", "version", "state", "created_at", "deleted_at")
    readonly_fields = ("state",)
    inlines = (VersionInline,)
    actions = ("make_default", "delete_assistants")
    actions_detail = ("new_version",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Assistant]:
        # One look-up for each row of the page.
        newest = AssistantVersion.objects.filter(assistant=OuterRef("pk"), number=OuterRef("version"))
        rows: QuerySet[Assistant] = self.rows(request).annotate(newest_name=Subquery(newest.values("name")))
        return rows

    @display(description="Name", empty_value="—")
    def shown_name(self, assistant: Assistant) -> str | None:
        name: str | None = assistant.newest_name  # type: ignore[attr-defined] # `get_queryset` adds it
        return name

    @display(description="State", label={"default": "success", "deleted": "danger"}, empty_value="")
    def state(self, assistant: Assistant) -> str | None:
        if assistant.deleted_at:
            return "deleted"
        return "default" if assistant.is_default else None

    @action(description="Make the default one of its account", permissions=["act"])
    def make_default(self, request: HttpRequest, queryset: QuerySet[Assistant]) -> None:
        self.act_on_each(request, queryset.select_related("account"), _make_default, done="Made the default one")

    @action(description="Delete", permissions=["erase"])
    def delete_assistants(self, request: HttpRequest, queryset: QuerySet[Assistant]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset.select_related("account"), DELETION, action="delete_assistants")
        self.act_on_each(request, queryset, _delete, done="Deleted")
        return None

    @action(description="New version", icon="edit_note", url_path="new-version", permissions=["act"])
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        assistant = get_object_or_404(self.row(request, object_id))
        newest = queries.newest(account_id=assistant.account_id).filter(assistant=assistant.pk).first()
        if newest is None:
            messages.warning(request, NOT_THERE)
            return redirect(reverse("admin:conversations_assistant_change", args=[assistant.pk]))
        return redirect(f"{reverse('admin:conversations_assistantversion_add')}?from={newest.pk}")


def _make_default(assistant: Assistant) -> None:
    assistants.change(account_id=assistant.account_id, assistant_id=assistant.public_id, given={}, is_default=True)


def _delete(assistant: Assistant) -> None:
    assistants.delete(account_id=assistant.account_id, assistant_id=assistant.public_id)
