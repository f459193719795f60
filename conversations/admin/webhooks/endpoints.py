"""Webhook endpoints: created, changed, rotated, disabled and deleted by their service. A secret is shown once."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.safestring import SafeString

from conversations import errors
from conversations.admin.site import formatting, secret_pages
from conversations.admin.site.base import Confirmation
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.admin.site.secret_pages import ShowsSecretOnce
from conversations.admin.webhooks.endpoint_form import EndpointForm, check_url
from conversations.models import Delivery, WebhookEndpoint
from conversations.services.webhooks import endpoints as webhook_endpoints
from conversations.services.webhooks import secrets as signing_secrets
from conversations.services.webhooks.endpoints import EndpointChange

Result = TypeVar("Result")

ROTATION = Confirmation(
    title="Rotate secrets",
    consequence="The new secrets are shown once. The current ones also sign for a day; older ones no longer.",
)
DISABLING = Confirmation(
    title="Disable endpoints",
    consequence="Their pending deliveries are cancelled, and enabling them again does not restore these. They can be "
    "replayed one by one.",
)
DELETION = Confirmation(
    title="Delete endpoints",
    consequence="Their secrets are erased and their pending deliveries are cancelled. All deliveries stay as evidence.",
)
STATES: dict[str, dict[str, bool]] = {
    "enabled": {"disabled_at__isnull": True, "deleted_at__isnull": True},
    "failing": {"failing_since__isnull": False, "disabled_at__isnull": True, "deleted_at__isnull": True},
    "disabled": {"disabled_at__isnull": False, "deleted_at__isnull": True},
    "deleted": {"deleted_at__isnull": False},
}


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(state, state.capitalize()) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> QuerySet[WebhookEndpoint]:
        return queryset.filter(**STATES.get(self.value() or "", {}))


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ShowsSecretOnce):
    can_add = True
    can_change = True
    form = EndpointForm
    list_display = (
        *("public_id", "account", "shown_url", "shown_events", "state", "disabled_reason", "failing_since"),
        "last_delivery",
    )
    list_select_related = ("account",)
    list_filter = (StateFilter, ("account", RelatedFilter))
    search_fields = ("public_id__startswith", "url__istartswith", "account__name__istartswith")
    search_help_text = "Public id, URL or account, from its start"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("public_id", "account", "url", "events", "description")}),
        ("State", {"fields": ("state", "disabled_reason", "failing_since", "last_delivery", "timeline", "secret")}),
    )
    readonly_fields = ("public_id", "state", "disabled_reason", "failing_since", "last_delivery", "timeline", "secret")
    add_fieldsets = ((None, {"fields": ("account", "url", "events", "description")}),)
    autocomplete_fields = ("account",)
    actions = ("enable", "disable", "rotate", "delete_endpoints")
    actions_detail = ("rotate_this",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        # Not `endpoint=…`: for an endpoint without deliveries PostgreSQL then read all of them, newest first.
        own = {"endpoint__gte": OuterRef("pk"), "endpoint__lte": OuterRef("pk")}
        last = Delivery.objects.filter(**own).order_by("endpoint", "-pk")
        rows: QuerySet[WebhookEndpoint] = self.rows(request).annotate(
            last_pk=Subquery(last.values("pk")[:1]),
            last_status=Subquery(last.values("status")[:1]),
            last_at=Subquery(last.values("created_at")[:1]),
        )
        return rows

    def get_readonly_fields(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "account") if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        is_deleted = isinstance(obj, WebhookEndpoint) and obj.deleted_at is not None
        return not is_deleted and super().has_change_permission(request, obj)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        if request.method == "POST":
            # Before the call below, in which Django opens a transaction.
            request.checked_url = check_url(request.POST.get("url", "").strip())  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None, change: bool = False, **kwargs: Any
    ) -> type[EndpointForm]:
        form: type[EndpointForm] = super().get_form(request, obj, change, **kwargs)
        if checked_url := getattr(request, "checked_url", None):
            # Django makes a form class for each request.
            form.checked_url = checked_url
        return form

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: EndpointForm, change: bool) -> None:
        if change:
            wanted = EndpointChange(**{name: form.cleaned_data[name] for name in form.changed_data})
            webhook_endpoints.change(account_id=obj.account_id, endpoint_id=obj.public_id, change=wanted)
            return
        created, secret = webhook_endpoints.create(
            account_id=obj.account_id, url=form.cleaned_data["url"], event_types=obj.events, description=obj.description
        )
        obj.pk, obj.public_id = created.pk, created.public_id
        request.new_secret = secret  # type: ignore[attr-defined]  # for `response_add`

    @display(description="URL")
    def shown_url(self, endpoint: WebhookEndpoint) -> str:
        return formatting.shortened(endpoint.url)

    @display(description="Events")
    def shown_events(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.events)

    @display(
        description="State",
        label={"enabled": "success", "failing": "warning", "disabled": "danger", "deleted": "danger"},
    )
    def state(self, endpoint: WebhookEndpoint) -> str:
        if endpoint.deleted_at:
            return "deleted"
        if endpoint.disabled_at:
            return "disabled"
        return "failing" if endpoint.failing_since else "enabled"

    @display(description="Last delivery", empty_value="—")
    def last_delivery(self, endpoint: Any) -> SafeString | None:
        if endpoint.last_pk is None:
            return None
        return formatting.link(
            "conversations_delivery", endpoint.last_pk, f"{endpoint.last_status} {endpoint.last_at:%F %T}"
        )

    @display(description="Times")
    def timeline(self, endpoint: WebhookEndpoint) -> SafeString:
        later = {"disabled": endpoint.disabled_at, "deleted": endpoint.deleted_at}
        return formatting.timeline("created", endpoint.created_at, later)

    @display(description="Secret")
    def secret(self, endpoint: WebhookEndpoint) -> str:
        until = signing_secrets.previous_until(account_id=endpoint.account_id, endpoint_id=endpoint.pk)
        shown = "Shown when it was created, never again."
        return f"{shown} The previous one signs until {until:%F %T} UTC." if until else shown

    @action(description="Enable", permissions=["act"])
    def enable(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        enabling = partial(self._set_enabled, is_enabled=True)
        changed = self._each(request, queryset.filter(**STATES["disabled"]), enabling)
        messages.success(request, f"Endpoints enabled: {len(changed)}.")

    @action(description="Disable", permissions=["act"])
    def disable(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset.select_related("account"), DISABLING, action="disable")
        disabling = partial(self._set_enabled, is_enabled=False)
        changed = self._each(request, queryset.filter(**STATES["enabled"]), disabling)
        messages.success(request, f"Endpoints disabled: {len(changed)}.")
        return None

    @action(description="Rotate secrets", permissions=["act"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> HttpResponse:
        existing = queryset.filter(deleted_at=None).select_related("account")
        if "confirmed" not in request.POST:
            return self.confirm(request, existing, ROTATION, action="rotate")
        rotated = self._each(request, existing, partial(self._rotate, request))
        return secret_pages.page(
            self, request, rotated, note=f"Secrets rotated: {len(rotated)}. They are not shown again."
        )

    @action(description="Rotate secret", icon="autorenew", url_path="rotate", permissions=["act"])
    def rotate_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        existing = self.row(request, object_id).filter(deleted_at=None).select_related("account")
        return self.confirm(request, existing, ROTATION, action="rotate")

    @action(description="Delete endpoints", permissions=["erase"])
    def delete_endpoints(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> HttpResponse | None:
        existing = queryset.filter(deleted_at=None).select_related("account")
        if "confirmed" not in request.POST:
            return self.confirm(request, existing, DELETION, action="delete_endpoints")
        deleted = self._each(request, existing, self._delete)
        messages.success(request, f"Endpoints deleted: {len(deleted)}.")
        return None

    def _each(
        self, request: HttpRequest, endpoints: QuerySet[WebhookEndpoint], act: Callable[[WebhookEndpoint], Result]
    ) -> list[tuple[WebhookEndpoint, Result]]:
        """The results of `act` by endpoint. An endpoint that was deleted meanwhile is reported and left out."""
        done = []
        for endpoint in list(endpoints):
            try:
                done.append((endpoint, act(endpoint)))
            except errors.NotFound:
                messages.warning(request, f"Deleted meanwhile, and left as it is: {endpoint.public_id}.")
        return done

    def _delete(self, endpoint: WebhookEndpoint) -> None:
        webhook_endpoints.delete(account_id=endpoint.account_id, endpoint_id=endpoint.public_id)

    def _rotate(self, request: HttpRequest, endpoint: WebhookEndpoint) -> str:
        _, secret = webhook_endpoints.rotate_secret(account_id=endpoint.account_id, endpoint_id=endpoint.public_id)
        self.log_change(request, endpoint, "Rotated the secret.")
        return secret

    def _set_enabled(self, endpoint: WebhookEndpoint, *, is_enabled: bool) -> None:
        webhook_endpoints.change(
            account_id=endpoint.account_id,
            endpoint_id=endpoint.public_id,
            change=EndpointChange(is_enabled=is_enabled),
        )
