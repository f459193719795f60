"""Conversations: searched, shown as a transcript, and deleted by their service."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString

from conversations.admin import whose
from conversations.admin.conversations import plain_text, transcript
from conversations.admin.site.base import BaseAdmin, Confirmation
from conversations.admin.site.changelists import LOOKED_THROUGH, RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.models import Conversation
from conversations.queries.conversations import transcripts
from conversations.services.erasures import begin

DELETION = Confirmation(
    title="Delete conversations",
    consequence="Messages, references, questions and answers are erased for good. The id is never used again, and "
    "the runs stay as evidence without their text. A conversation that is busy with a turn is left as it is.",
)


class StateFilter(admin.SimpleListFilter):
    """Deleted ones are looked for among those that changed last, which a deletion does: hardly any may be deleted."""

    title = "state: deleted, of the last 100,000"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("kept", "Kept"), ("deleted", "Deleted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> QuerySet[Conversation]:
        if self.value() not in ("kept", "deleted"):
            return queryset
        if self.value() == "kept":
            return queryset.filter(deleted_at=None)
        changed = Conversation.objects.order_by("-updated_at", "-pk").values_list("updated_at", flat=True)
        since = changed[LOOKED_THROUGH : LOOKED_THROUGH + 1].first()
        deleted = queryset.filter(deleted_at__isnull=False)
        return deleted.filter(updated_at__gt=since) if since else deleted


@admin.register(Conversation)
class ConversationAdmin(BaseAdmin):
    list_display = ("public_id", "account", "shown_model", "state", "updated_at", "created_at")
    list_select_related = ("account",)
    list_filter = (StateFilter, ("account", RelatedFilter), "updated_at")
    # Only makes Django show the search box: `get_search_results` does the search.
    search_fields = ("public_id__startswith",)
    search_help_text = "Public id or account, from its start"
    ordering = ("-updated_at", "-pk")
    fields = (
        ("public_id", "account"),
        ("shown_model", "preset"),
        ("assistant", "visitor"),
        ("created_at", "updated_at"),
    )
    readonly_fields = ("shown_model", "assistant", "visitor")
    change_form_outer_after_template = "admin/conversations/transcript.html"
    actions = ("delete_conversations",)

    class Media:
        css = {"all": ("conversations/transcript.css",)}  # noqa: RUF012 — Django's way

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        return self.rows(request).defer("preset_text")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        term = search_term.strip()
        return (transcripts.matching(queryset, term=term) if term else queryset), False

    def get_fields(self, request: HttpRequest, obj: Conversation | None = None) -> tuple[str | tuple[str, ...], ...]:
        return (*self.fields, "deleted_at") if obj and obj.deleted_at else self.fields

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Each by a message's public id: `?before=` pages back, `?whole=` shows more of it, `?download=` sends all."""
        conversation = self.get_object(request, object_id)
        if conversation and self.has_view_permission(request, conversation):
            if wanted := request.GET.get("download"):
                return plain_text.download(get_object_or_404(conversation.messages, public_id=wanted))
            shown = transcript.page(
                conversation, before=request.GET.get("before", ""), expanded=request.GET.get("whole", "")
            )
            extra_context = {**(extra_context or {}), "transcript": shown}
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    @display(description="Model", empty_value="—")
    def shown_model(self, conversation: Conversation) -> str | None:
        return conversation.model or None

    @display(description="Assistant", empty_value="—")
    def assistant(self, conversation: Conversation) -> SafeString | None:
        return whose.assistant_of(conversation)

    @display(description="Visitor", empty_value="—")
    def visitor(self, conversation: Conversation) -> SafeString | None:
        return whose.visitor_of(conversation)

    @display(description="State", label={"deleted": "danger"}, empty_value="")
    def state(self, conversation: Conversation) -> str | None:
        return "deleted" if conversation.deleted_at else None

    @action(description="Delete conversations", permissions=["erase"])
    def delete_conversations(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset.select_related("account"), DELETION, action="delete_conversations")
        keys = list(queryset.values_list("pk", flat=True))
        done = begin.delete_each(conversation_ids=keys, requested_by=f"admin {request.user}")
        messages.success(request, f"Conversations deleted: {done.deleted}.")
        if done.unfinished:
            messages.info(request, f"Long, so their rows are still being erased: {done.unfinished}. See Erasures.")
        if done.gone:
            messages.info(request, f"Deleted earlier: {done.gone}.")
        if done.busy:
            messages.warning(request, f"Busy with a turn, so not deleted: {done.busy}. Try again when it has ended.")
        return None
