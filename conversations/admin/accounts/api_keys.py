"""API keys: created and revoked. The secret is shown once, in the response that creates it; the hash never."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.admin.site.secret_pages import ShowsSecretOnce
from conversations.models import ApiKey
from conversations.services.accounts import api_keys


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("working", "Working"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        if self.value() not in ("working", "revoked"):
            return queryset
        return queryset.filter(revoked_at__isnull=self.value() == "working")


@admin.register(ApiKey)
class ApiKeyAdmin(ShowsSecretOnce):
    can_add = True
    list_display = ("shown", "name", "account", "state", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("account",)
    list_filter = (StateFilter, ("account", RelatedFilter))
    search_fields = ("prefix__startswith", "name__istartswith", "account__name__istartswith")
    search_help_text = "Key, name or account, from its start"
    ordering = ("-pk",)
    fields = ("account", "name", "prefix", "created_at", "last_used_at", "revoked_at")
    readonly_fields = ("prefix", "created_at", "last_used_at", "revoked_at")
    autocomplete_fields = ("account",)
    add_fieldsets = ((None, {"fields": ("account", "name")}),)
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return self.rows(request).defer("key_hash")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: object, change: bool) -> None:
        secret = api_keys.create(account=obj.account, name=obj.name)
        created = api_keys.find(secret=secret)
        obj.pk, obj.prefix = created.pk, created.prefix
        request.new_secret = secret  # type: ignore[attr-defined]  # for `response_add`

    @display(description="Key")
    def shown(self, key: ApiKey) -> str:
        return str(key)

    @display(description="State", label={"working": "success", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        return "revoked" if key.revoked_at else "working"

    @action(description="Revoke", permissions=["act"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        revoked = api_keys.revoke(key_ids=list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"API keys revoked: {revoked}.")
