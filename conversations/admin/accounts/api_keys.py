"""API keys: created, changed, rotated and revoked. A secret is shown once, where it is made; the hash never."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

from conversations.admin.accounts.key_form import KeyForm
from conversations.admin.site import secret_pages
from conversations.admin.site.base import Confirmation
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.admin.site.secret_pages import ShowsSecretOnce
from conversations.errors import ParleyError
from conversations.models import ApiKey
from conversations.services.accounts import api_keys, key_options
from conversations.services.accounts.key_options import MOST, KeyOptions

STATES = {"working": "Working", "expired": "Expired", "revoked": "Revoked"}
STATE_COLOURS = {"working": "success", "operator's": "warning", "expired": "danger", "revoked": "danger"}
# In the form, in groups.
OPTIONS = (
    ("What it may do", {"fields": ("scopes", "model_patterns", "expires_at")}),
    (
        "Limits",
        {
            "description": "An empty field means the account's limit, and where that is empty too the setting's. "
            "0 is any number.",
            "fields": tuple(MOST),
        },
    ),
)

ROTATION = Confirmation(
    title="Rotate",
    consequence="A new key is made that may do the same, and its secret is shown once. "
    "This one works for 24 hours more.",
)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [*STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        match self.value():
            case "working":
                return queryset.filter(api_keys.WORKS)
            case "expired":
                return queryset.filter(api_keys.HAS_EXPIRED, revoked_at=None)
            case "revoked":
                return queryset.filter(revoked_at__isnull=False)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(ShowsSecretOnce):
    can_add = True
    can_change = True
    form = KeyForm
    list_display = ("shown", "name", "account", "state", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("account",)
    list_filter = (StateFilter, ("account", RelatedFilter))
    search_fields = ("prefix__startswith", "name__istartswith", "account__name__istartswith")
    search_help_text = "Key, name or account, from its start"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("account", "name", "prefix", "public_id", "is_operator")}),
        *OPTIONS,
        ("Times", {"fields": ("created_at", "last_used_at", "revoked_at", "made_by", "replaced_by")}),
    )
    readonly_fields = (
        "prefix",
        "public_id",
        "created_at",
        "last_used_at",
        "revoked_at",
        "made_by",
        "replaced_by",
    )
    autocomplete_fields = ("account",)
    add_fieldsets = ((None, {"fields": ("account", "name")}), *OPTIONS)
    actions = ("revoke", "rotate")
    actions_detail = ("rotate_this",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return self.rows(request).defer("key_hash")

    def get_fieldsets(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Only superusers may make a key that looks beyond its account."""
        if obj is None and _is_superuser(request):
            return ((None, {"fields": ("account", "name", "is_operator")}), *OPTIONS)
        return super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "account", "is_operator") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: ApiKey, form: object, change: bool) -> None:
        columns = {name: getattr(obj, name) for name in key_options.DEFAULT.columns}
        if change:
            api_keys.change(obj, columns)
            return
        is_operator = obj.is_operator is True and _is_superuser(request)
        secret = api_keys.create(account=obj.account, options=KeyOptions(**columns), is_operator=is_operator)
        created = api_keys.find(secret=secret)
        obj.pk, obj.prefix = created.pk, created.prefix
        request.new_secret = secret  # type: ignore[attr-defined]  # for `response_add`

    @display(description="Key")
    def shown(self, key: ApiKey) -> str:
        # On one line: halves of a prefix cannot be compared at a glance.
        return format_html('<span class="whitespace-nowrap">{}</span>', str(key))

    @display(
        description="State",
        label=STATE_COLOURS,
    )
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        if key.expires_at and key.expires_at <= timezone.now():
            return "expired"
        return "operator's" if key.is_operator else "working"

    @action(description="Revoke", permissions=["act"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        revoked = api_keys.revoke(key_ids=list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"API keys revoked: {revoked}.")

    @action(description="Rotate", permissions=["act"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset, ROTATION, action="rotate")
        if not _is_superuser(request):
            # Its successor's secret is shown, and with it what all accounts have.
            queryset = queryset.filter(is_operator=False)
        shown = []
        for key in queryset:
            try:
                secret = api_keys.rotate(key)
            except ParleyError as exc:
                # The secrets of those before it are shown only now.
                messages.error(request, f"{key}: {exc.message}")
            else:
                shown.append((api_keys.find(secret=secret), secret))
        return secret_pages.page(self, request, shown, note="Copy them now: they are not shown again.", back_url="./")

    @action(description="Rotate", icon="autorenew", url_path="rotate", permissions=["act"])
    def rotate_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm(request, self.row(request, object_id), ROTATION, action="rotate")


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, AbstractUser) and request.user.is_superuser
