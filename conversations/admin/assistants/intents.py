"""Intents: reviewed and deleted. They are made and changed by their accounts, over the API."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from conversations.admin.site.base import BaseAdmin, Confirmation
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.models import Intent
from conversations.services.assistants import intents

DELETION = Confirmation(
    title="Delete intents",
    consequence="They are erased for good. Assistants that name them go on without; runs keep their ids and names.",
)


@admin.register(Intent)
class IntentAdmin(BaseAdmin):
    list_display = ("name", "public_id", "account", "created_at", "changed_at")
    list_select_related = ("account",)
    list_filter = (("account", RelatedFilter),)
    search_fields = ("public_id__startswith",)
    search_help_text = "Public id, from its start"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("public_id", "account", "name", "description", "shown_examples")}),
        ("Times", {"fields": ("created_at", "changed_at")}),
    )
    readonly_fields = ("shown_examples",)
    actions = ("delete_intents",)

    @display(description="Examples", empty_value="—")
    def shown_examples(self, intent: Intent) -> SafeString | None:
        return format_html_join(mark_safe("<br>"), "{}", ((example,) for example in intent.examples)) or None

    @action(description="Delete intents", permissions=["erase"])
    def delete_intents(self, request: HttpRequest, queryset: QuerySet[Intent]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset.select_related("account"), DELETION, action="delete_intents")
        self.act_on_each(request, queryset, self._delete, done="Intents deleted")
        return None

    def _delete(self, intent: Intent) -> None:
        intents.delete(account_id=intent.account_id, intent_id=intent.public_id)
