"""Documents: their status, why they failed, and what of the work on them is under way. Their text is not shown."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from conversations.admin.knowledge import showing
from conversations.admin.site.base import BaseAdmin, Confirmation
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.models import Document, IndexingJob
from conversations.queries.knowledge import vectors
from conversations.services.knowledge import documents, removal

DELETION = Confirmation(
    title="Delete documents", consequence="They are deleted with all that was made of them, and cannot be restored."
)


@admin.register(Document)
class DocumentAdmin(BaseAdmin):
    list_display = ("public_id", "account", "base", "name", "shown_status", "error_code", "size", "created_at")
    list_select_related = ("account", "base")
    list_filter = ("status", ("account", RelatedFilter), ("base", RelatedFilter))
    search_fields = ("public_id__startswith",)
    search_help_text = "Public id, from its start"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("public_id", "account", "base", "name", "kind", "url", "next_url")}),
        (
            "State",
            {"fields": ("shown_status", "error_code", "error_message", "work", "vectors", "created_at", "ready_at")},
        ),
        ("Size", {"fields": ("media_type", "size", "held_bytes", "characters", "pages", "passages", "indexed_in")}),
    )
    readonly_fields = ("shown_status", "work", "vectors")
    actions = ("retry", "delete_documents")

    @display(
        description="Status",
        label={"queued": "info", "processing": "info", "ready": "success", "failed": "danger"},
    )
    def shown_status(self, document: Document) -> str:
        return document.status

    @display(description="Work", empty_value="—")
    def work(self, document: Document) -> str | None:
        job = (
            IndexingJob.objects.for_account(document.account_id).filter(pk=document.pk).select_related("worker").first()
        )
        if job is None:
            return None
        if job.worker is None:
            return f"attempt {job.attempts + 1}, due at {job.due_at:%F %T} UTC"
        return f"attempt {job.attempts}, {job.progress:.0%}, since {job.claimed_at:%F %T} UTC by {job.worker.name}"

    @display(description="Vectors", empty_value="—")
    def vectors(self, document: Document) -> str | None:
        return showing.vectors(vectors.of_document(document))

    @action(description="Try again", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        self.act_on_each(request, queryset.select_related("base"), self._retry, done="Documents queued")

    @action(description="Delete documents", permissions=["erase"])
    def delete_documents(self, request: HttpRequest, queryset: QuerySet[Document]) -> HttpResponse | None:
        existing = queryset.select_related("account", "base")
        if "confirmed" not in request.POST:
            return self.confirm(request, existing, DELETION, action="delete_documents")
        self.act_on_each(request, existing, self._delete, done="Documents deleted")
        return None

    def _retry(self, document: Document) -> None:
        documents.retry(account_id=document.account_id, base_id=document.base.public_id, document_id=document.public_id)

    def _delete(self, document: Document) -> None:
        removal.delete(account_id=document.account_id, base_id=document.base.public_id, document_id=document.public_id)
