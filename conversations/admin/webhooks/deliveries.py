"""Deliveries: what was sent where, every attempt, and its response. They are replayed by their service."""

from collections import Counter

from django.contrib import admin, messages
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from conversations import errors
from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin, Confirmation, ReadOnlyInline
from conversations.admin.site.changelists import EventTypeFilter, RelatedFilter, among_newest
from conversations.admin.site.decorators import action, display
from conversations.models import Delivery, DeliveryAttempt, Event, Run, WebhookEndpoint
from conversations.services.webhooks import deliveries

# A callback's body is a whole answer, and so is an event's payload.
LIST_DEFERS = ("body",)
EVENT_IN_LISTS = Prefetch("event", Event.objects.defer("payload"))
RUN_DEFERS = ("run__request", "run__answer", "run__preset_text", "run__error_message", "run__usage")
# Deliveries are also found by the public ids of related rows: by prefix, the field and its model.
SEARCHED_BY: dict[str, tuple[str, type[Model]]] = {
    "evt": ("event", Event),
    "run": ("run", Run),
    "whe": ("endpoint", WebhookEndpoint),
}
REPLAY = Confirmation(
    title="Replay deliveries",
    consequence="They are sent again at once, under their old webhook-id and with a new schedule. "
    "Receivers that remember the ids they have seen ignore those.",
)


class AttemptInline(ReadOnlyInline):
    model = DeliveryAttempt
    fields = ("number", "began", "http_status", "error", "took", "shown_response")
    readonly_fields = fields
    ordering = ("number",)
    hide_title = True
    verbose_name_plural = "attempts"

    @display(description="Began")
    def began(self, attempt: DeliveryAttempt) -> str:
        return f"{attempt.started_at:%F %T} UTC"

    @display(description="Took")
    def took(self, attempt: DeliveryAttempt) -> str:
        return f"{attempt.duration_ms / 1000:.2f} s"

    @display(description="Response, its beginning")
    def shown_response(self, attempt: DeliveryAttempt) -> SafeString:
        return formatting.preformatted(attempt.response)


class DeliveryInline(ReadOnlyInline):
    """The deliveries of a run or an event, on its page."""

    model = Delivery
    fields = ("content", "status", "destination", "attempts_made", "created_at", "finished_at")
    readonly_fields = fields
    ordering = ("-pk",)
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = super().get_queryset(request).prefetch_related(EVENT_IN_LISTS).defer(*LIST_DEFERS)
        return rows

    @display(description="What")
    def content(self, delivery: Delivery) -> str:
        return _content(delivery)


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(kind.value, kind.label) for kind in Delivery.Kind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        if self.value() not in Delivery.Kind.values:
            return queryset
        # By the endpoint and not by `kind`: it has an index, and PostgreSQL knows how often it is empty.
        return queryset.filter(endpoint__isnull=self.value() == Delivery.Kind.CALLBACK)


class DeliveryEventTypeFilter(EventTypeFilter):
    """Among the newest deliveries: the type is in another table, so there can be no index for both."""

    title = "event type, of the newest 100,000"
    column = "event__type"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return super().queryset(request, among_newest(queryset) if self.value() else queryset)


@admin.register(Delivery)
class DeliveryAdmin(BaseAdmin):
    list_display = ("public_id", "account", "content", "state", "destination", "attempts_made", "created_at", "due")
    list_select_related = ("account",)
    list_filter = (
        *("status", KindFilter, ("endpoint", RelatedFilter), DeliveryEventTypeFilter),
        ("account", RelatedFilter),
    )
    search_fields = ("public_id__exact",)
    search_help_text = "The whole id of the delivery, or of its event (webhook-id), run or endpoint"
    ordering = ("-pk",)
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("public_id", "state", "content", "account", "endpoint", "event", "run", "url")}),
        ("Progress", {"fields": ("timeline", "attempts_made", "schedule_step", "webhook_id")}),
        ("Body", {"fields": ("shown_body",)}),
    )
    readonly_fields = ("state", "content", "timeline", "webhook_id", "shown_body")
    actions = ("replay",)
    actions_detail = ("replay_this",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = self.rows(request)
        if request.resolver_match and request.resolver_match.url_name == "conversations_delivery_changelist":
            return rows.prefetch_related(EVENT_IN_LISTS).defer(*LIST_DEFERS)
        return rows.select_related("account", "endpoint", "event", "run").defer(*RUN_DEFERS)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if (prefix := term.partition("_")[0]) not in SEARCHED_BY:
            return queryset.filter(public_id=term), False
        field, model = SEARCHED_BY[prefix]
        owner = model._default_manager.filter(public_id=term).values_list("pk", flat=True).first()
        return (queryset.filter(**{field: owner}) if owner else queryset.none()), False

    @display(description="What")
    def content(self, delivery: Delivery) -> str:
        return _content(delivery)

    @display(description="Status", label=formatting.DELIVERY_STATUS_LABELS)
    def state(self, delivery: Delivery) -> str:
        return delivery.status

    @display(description="Next attempt")
    def due(self, delivery: Delivery) -> str:
        if delivery.status != Delivery.Status.PENDING:
            return "—"
        return "in flight" if delivery.claimed_until else f"{delivery.next_attempt_at:%F %T}"

    @display(description="webhook-id")
    def webhook_id(self, delivery: Delivery) -> str:
        return delivery.event.public_id if delivery.event else delivery.public_id

    @display(description="Times")
    def timeline(self, delivery: Delivery) -> SafeString:
        is_pending = delivery.status == Delivery.Status.PENDING
        later = {"next attempt": delivery.next_attempt_at if is_pending else None, "ended": delivery.finished_at}
        return formatting.timeline("created", delivery.created_at, later)

    @display(description="Sent as")
    def shown_body(self, delivery: Delivery) -> SafeString:
        return formatting.body(delivery.event.payload if delivery.event else delivery.body)

    @action(description="Replay", permissions=["act"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        refused: Counter[str] = Counter()
        selected = list(queryset.values_list("account_id", "public_id"))
        for account_id, delivery_id in selected:
            try:
                deliveries.replay(account_id=account_id, delivery_id=delivery_id)
            except errors.ParleyError as exc:
                refused[exc.message] += 1
        messages.success(request, f"Deliveries to be sent again: {len(selected) - refused.total()}.")
        for reason, count in refused.items():
            messages.warning(request, f"Not sent again: {count}. {reason}")

    @action(description="Replay", icon="replay", url_path="replay", permissions=["act"])
    def replay_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm(request, self.row(request, object_id), REPLAY, action="replay")


def _content(delivery: Delivery) -> str:
    return delivery.event.type if delivery.event else "callback"
