"""Visitors: who they are and what they asked; merged and deleted by their services."""

from functools import partial

import orjson
from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from conversations.admin import whose
from conversations.admin.site import formatting
from conversations.admin.site.base import BaseAdmin, Confirmation
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import action, display
from conversations.models import Visitor, VisitorIdentity
from conversations.queries.visitors import dialogues
from conversations.services.erasures import begin

SHOWN_CONVERSATIONS = 20
DELETION = Confirmation(
    title="Delete visitors",
    consequence="Their conversations are erased for good, and turns that go on are stopped. Runs stay as evidence "
    "without their text. A visitor that comes again under the same id is a new one.",
)
MERGING = Confirmation(
    title="Merge visitors",
    consequence="The oldest stays, and gets the ids, threads and conversations of the others. That cannot be undone.",
)


@admin.register(Visitor)
class VisitorAdmin(BaseAdmin):
    list_display = ("public_id", "account", "external_ids", "name", "email", "mobile", "last_seen_at")
    list_select_related = ("account",)
    list_filter = (("account", RelatedFilter),)
    search_fields = ("public_id__startswith",)
    search_help_text = "Public id, from its start"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("public_id", "account", "external_ids", "name", "email", "mobile", "shown_attributes")}),
        ("Times", {"fields": ("first_seen_at", "last_seen_at", "created_at", "changed_at")}),
        ("Conversations", {"fields": ("newest_conversations",)}),
    )
    readonly_fields = ("external_ids", "shown_attributes", "newest_conversations")
    actions = ("merge", "delete_visitors")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Visitor]:
        identities = Prefetch("identities", VisitorIdentity.objects.order_by("pk"))
        return self.rows(request).filter(deleted_at=None).prefetch_related(identities)

    @display(description="Their account's ids")
    def external_ids(self, visitor: Visitor) -> str:
        return ", ".join(identity.external_id for identity in visitor.identities.all())

    @display(description="Attributes")
    def shown_attributes(self, visitor: Visitor) -> SafeString:
        return formatting.body(orjson.dumps(visitor.attributes).decode())

    @display(description="Newest", empty_value="—")
    def newest_conversations(self, visitor: Visitor) -> SafeString | None:
        links = [
            (formatting.link("conversations_conversation", one.pk, one.conversation.public_id), whose.within(one))
            for one in dialogues.newest(visitor, limit=SHOWN_CONVERSATIONS)
        ]
        return format_html_join(SafeString("<br>"), "{} {}", links) or None

    @action(description="Merge into the oldest of them", permissions=["act"])
    def merge(self, request: HttpRequest, queryset: QuerySet[Visitor]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset.select_related("account"), MERGING, action="merge")
        into, *others = queryset.order_by("pk")
        if not others:
            messages.warning(request, "Choose at least two.")
            return None
        merge = partial(_merge, into=into, requested_by=f"admin {request.user}")
        self.act_on_each(request, others, merge, done="Merged")
        return None

    @action(description="Delete visitors", permissions=["erase"])
    def delete_visitors(self, request: HttpRequest, queryset: QuerySet[Visitor]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset.select_related("account"), DELETION, action="delete_visitors")
        delete = partial(_delete, requested_by=f"admin {request.user}")
        self.act_on_each(request, queryset, delete, done="Visitors deleted")
        return None


def _merge(visitor: Visitor, *, into: Visitor, requested_by: str) -> None:
    begin.merge_visitors(
        account_id=into.account_id, visitor_id=visitor.public_id, into=into.public_id, requested_by=requested_by
    )


def _delete(visitor: Visitor, *, requested_by: str) -> None:
    begin.delete_visitor(account_id=visitor.account_id, visitor_id=visitor.public_id, requested_by=requested_by)
