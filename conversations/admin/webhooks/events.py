"""Events: what happened in an account, as sent to its endpoints and listed by the API."""

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin
from conversations.admin.site.changelists import EventTypeFilter, RelatedFilter
from conversations.admin.site.decorators import display
from conversations.admin.webhooks.deliveries import RUN_DEFERS, DeliveryInline
from conversations.models import Conversation, Event

MATCHES_MAX = 100
IN_LISTS = Prefetch("conversation", Conversation.objects.defer("preset_text"))


@admin.register(Event)
class EventAdmin(BaseAdmin):
    list_display = ("public_id", "account", "type", "conversation", "sequence", "created_at")
    list_select_related = ("account",)
    list_filter = (EventTypeFilter, ("account", RelatedFilter))
    search_fields = ("public_id__exact",)
    search_help_text = "The whole id of the event, or of its conversation"
    ordering = ("-pk",)
    inlines = (DeliveryInline,)
    fields = ("public_id", "type", "account", "conversation", "run", "sequence", "created_at", "shown_payload")
    readonly_fields = ("shown_payload",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        rows: QuerySet[Event] = self.rows(request)
        if request.resolver_match and request.resolver_match.url_name == "conversations_event_changelist":
            return rows.prefetch_related(IN_LISTS).defer("payload")
        return rows.select_related("account", "conversation", "run").defer("conversation__preset_text", *RUN_DEFERS)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # Callers choose the ids of conversations, so several accounts may have the same one.
        conversations = list(Conversation.objects.filter(public_id=term).values_list("pk", flat=True)[:MATCHES_MAX])
        if conversations:
            return queryset.filter(conversation__in=conversations), False
        return queryset.filter(public_id=term), False

    @display(description="Payload")
    def shown_payload(self, event: Event) -> SafeString:
        return formatting.body(event.payload)
