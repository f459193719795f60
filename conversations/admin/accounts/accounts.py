"""Accounts: created, disabled, enabled, and erased; their rows are never deleted."""

from django.contrib import admin, messages
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.admin.accounts import visitor_secret
from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin, Confirmation, ReadOnlyInline
from conversations.admin.site.decorators import action, display
from conversations.admin.webhooks import callback_secret
from conversations.models import Account, ApiKey, Balance
from conversations.services.accounts import accounts, api_keys
from conversations.services.accounts.key_options import MOST
from conversations.services.accounts.quotas import Quota
from conversations.services.erasures import begin

# The form's fields, and the quota that each one sets.
QUOTA_FIELDS = {f"max_{quota}": quota for quota in Quota}
COUNTS = ("conversation_count", "visitor_count", "idempotency_key_count")

ERASURE = Confirmation(
    title="Erase everything",
    consequence="Their keys are refused within seconds, their runs are stopped, and all conversations, questions, "
    "answers, presets, webhooks, events and deliveries are erased for good. The runs stay as evidence without their "
    "text. An account cannot be enabled again; its name is free. See Erasures for how far it is.",
)


class ApiKeyInline(ReadOnlyInline):
    model = ApiKey
    verbose_name_plural = "API keys"
    fields = ("prefix", "name", "created_at", "last_used_at", "expires_at", "revoked_at")
    readonly_fields = fields
    ordering = ("-pk",)
    hide_title = True
    show_change_link = True


@admin.register(Account)
class AccountAdmin(BaseAdmin):
    can_add = True
    can_change = True
    list_display = ("name", "public_id", "state", "working_keys", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "public_id__exact")
    search_help_text = "Name, or a whole public id"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "public_id", "is_active", "created_at")}),
        ("Money", {"fields": ("shown_balance", "markup_percent")}),
        (
            "Quotas",
            {"description": "An empty field means the quota that the settings give.", "fields": tuple(QUOTA_FIELDS)},
        ),
        (
            "Limits",
            {
                "description": "Of all its keys together, and of each that has none of its own. An empty field means "
                "the setting's for each key, and any number together; 0 is any number.",
                "fields": tuple(MOST),
            },
        ),
        ("Counts", {"description": "Rows are counted some seconds after they were created.", "fields": COUNTS}),
    )
    readonly_fields = ("public_id", "is_active", "created_at", "shown_balance", *COUNTS)
    add_fieldsets = ((None, {"fields": ("name",)}),)
    inlines = (ApiKeyInline,)
    actions = ("disable", "enable", "erase_accounts")
    actions_detail = ("callback_secret", "visitor_secret", "erase_this")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        # One query for each row of the page; a join would group the whole table.
        working = ApiKey.objects.filter(account=OuterRef("pk")).filter(api_keys.WORKS).order_by().values("account")
        counted = Subquery(working.annotate(count=Count("pk")).values("count"), output_field=IntegerField())
        rows: QuerySet[Account] = self.rows(request).annotate(working=Coalesce(counted, 0))
        return rows

    def get_inlines(self, request: HttpRequest, obj: Account | None) -> tuple[type[ReadOnlyInline], ...]:
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "name") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Account, form: object, change: bool) -> None:
        if change:
            limits = {quota: getattr(obj, name) for name, quota in QUOTA_FIELDS.items()}
            accounts.set_quotas(account_id=obj.pk, limits=limits)
            accounts.set_limits(account_id=obj.pk, limits={name: getattr(obj, name) for name in MOST})
            accounts.set_markup(account_id=obj.pk, percent=obj.markup_percent)
            return
        obj.pk = accounts.get_or_create(name=obj.name).pk

    @display(description="State", label={"active": "success", "disabled": "danger", "erased": "danger"})
    def state(self, account: Account) -> str:
        if account.erased_at:
            return "erased"
        return "active" if account.is_active else "disabled"

    @display(description="Balance")
    def shown_balance(self, account: Account) -> SafeString | str:
        balance: Balance | None = getattr(account, "balance", None)
        if balance is None:
            return "Not metered: an entry of the ledger opens a balance."
        paid = (
            "pays no money"
            if balance.amount is None
            else f"{formatting.amount(balance.amount - balance.reserved)} available"
        )
        calls = "" if balance.calls_left is None else f", {balance.calls_left:,} calls left"
        entries = formatting.list_link("conversations_ledgerentry", "ledger", account__id__exact=account.pk)
        return format_html("{}, {}", formatting.link("conversations_balance", account.pk, paid + calls), entries)

    @display(description="Working keys")
    def working_keys(self, account: Account) -> int:
        return int(account.working)  # type: ignore[attr-defined]  # annotated above

    @action(description="Callback secret", icon="key", url_path="callback-secret", permissions=["act"])
    def callback_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return callback_secret.page(self, request, account=get_object_or_404(self.row(request, object_id)))

    @action(description="Visitor secret", icon="badge", url_path="visitor-secret", permissions=["act"])
    def visitor_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return visitor_secret.page(self, request, account=get_object_or_404(self.row(request, object_id)))

    @action(description="Disable: refuse their keys", permissions=["act"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        self._set_active(request, queryset, is_active=False)

    @action(description="Enable", permissions=["act"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        self._set_active(request, queryset, is_active=True)

    @action(description="Erase everything", permissions=["erase"])
    def erase_accounts(self, request: HttpRequest, queryset: QuerySet[Account]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset, ERASURE, action="erase_accounts")
        keys = list(queryset.values_list("pk", flat=True))
        for key in keys:
            begin.erase_account(account_id=key, requested_by=f"admin {request.user}")
        messages.success(request, f"Accounts that are being erased: {len(keys)}. See Erasures.")
        return None

    @action(description="Erase everything", icon="delete_forever", url_path="erase", permissions=["erase"])
    def erase_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm(request, self.row(request, object_id), ERASURE, action="erase_accounts")

    def _set_active(self, request: HttpRequest, queryset: QuerySet[Account], *, is_active: bool) -> None:
        changed = accounts.set_active(account_ids=list(queryset.values_list("pk", flat=True)), is_active=is_active)
        messages.success(request, f"Accounts {'enabled' if is_active else 'disabled'}: {changed}.")
