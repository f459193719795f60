"""Knowledge bases: what they hold, re-indexed and deleted by their service."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from conversations.admin.knowledge import showing
from conversations.admin.site.base import BaseAdmin, Confirmation
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.models import KnowledgeBase
from conversations.queries.knowledge import bases as base_queries
from conversations.queries.knowledge import vectors
from conversations.services.knowledge import bases

DELETION = Confirmation(
    title="Delete knowledge bases",
    consequence="Nobody finds them any more. Their documents are deleted with all that was made of them.",
)


@admin.register(KnowledgeBase)
class KnowledgeBaseAdmin(BaseAdmin):
    list_display = ("public_id", "account", "name", "state", "embedding", "created_at")
    list_select_related = ("account",)
    list_filter = (("account", RelatedFilter),)
    search_fields = ("public_id__startswith",)
    search_help_text = "Public id, from its start"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("public_id", "account", "name", "embedding")}),
        ("State", {"fields": ("state", "reindex_error", "documents", "vectors", "created_at", "deleted_at")}),
        ("Generations", {"fields": ("generation", "index_version", "next_generation", "stale_generation")}),
    )
    readonly_fields = ("state", "documents", "vectors")
    actions = ("reindex", "delete_bases")

    @display(
        description="State",
        label={"serving": "success", "being re-indexed": "info", "not re-indexed": "warning", "deleted": "danger"},
    )
    def state(self, base: KnowledgeBase) -> str:
        if base.deleted_at is not None:
            return "deleted"
        if base.next_generation is not None:
            return "being re-indexed"
        return "not re-indexed" if base.reindex_error else "serving"

    @display(description="Documents")
    def documents(self, base: KnowledgeBase) -> str:
        return ", ".join(f"{count} {status}" for status, count in base_queries.counts(base).items())

    @display(description="Vectors", empty_value="words alone")
    def vectors(self, base: KnowledgeBase) -> str | None:
        return showing.vectors(vectors.of_base(base))

    @action(description="Re-index", permissions=["act"])
    def reindex(self, request: HttpRequest, queryset: QuerySet[KnowledgeBase]) -> None:
        self.act_on_each(request, queryset.filter(deleted_at=None), self._reindex, done="Re-indexing begun")

    @action(description="Delete knowledge bases", permissions=["erase"])
    def delete_bases(self, request: HttpRequest, queryset: QuerySet[KnowledgeBase]) -> HttpResponse | None:
        existing = queryset.filter(deleted_at=None).select_related("account")
        if "confirmed" not in request.POST:
            return self.confirm(request, existing, DELETION, action="delete_bases")
        self.act_on_each(request, existing, self._delete, done="Knowledge bases deleted")
        return None

    def _reindex(self, base: KnowledgeBase) -> None:
        bases.reindex(account_id=base.account_id, base_id=base.public_id)

    def _delete(self, base: KnowledgeBase) -> None:
        bases.delete(account_id=base.account_id, base_id=base.public_id)
