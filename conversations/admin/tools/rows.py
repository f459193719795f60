"""What the pages of tools and of MCP servers share. They are made and changed by their accounts, over the API."""

from abc import abstractmethod
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from conversations.admin.site.base import BaseAdmin, Confirmation
from conversations.admin.site.changelists import BoundedChoicesFilter
from conversations.admin.site.decorators import action, display
from conversations.models import McpServer, Tool

DELETION = Confirmation(
    title="Delete",
    consequence="They are erased for good, with their encrypted headers. Runs keep what they called.",
)


class EnabledFilter(BoundedChoicesFilter):
    title = "state"
    parameter_name = "is_enabled"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("True", "Enabled"), ("False", "Disabled")]


class ToolRowAdmin(BaseAdmin):
    """A page calls its services in `set_enabled` and `delete_row`."""

    search_fields = ("public_id__startswith",)
    search_help_text = "Public id, from its start"
    ordering = ("-pk",)
    list_select_related = ("account",)
    actions = ("enable", "disable", "delete_rows")

    @display(description="State", label={"enabled": "success", "disabled": "danger"})
    def state(self, row: Tool | McpServer) -> str:
        return "enabled" if row.is_enabled else "disabled"

    @display(description="Headers", empty_value="—")
    def headers(self, row: Tool | McpServer) -> str | None:
        return ", ".join(row.header_names) or None

    @action(description="Enable", permissions=["act"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        changed = self.set_enabled(list(queryset.values_list("pk", flat=True)), True)
        messages.success(request, f"Enabled: {changed}.")

    @action(description="Disable", permissions=["act"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        changed = self.set_enabled(list(queryset.values_list("pk", flat=True)), False)
        messages.success(request, f"Disabled: {changed}.")

    @action(description="Delete", permissions=["erase"])
    def delete_rows(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.confirm(request, queryset.select_related("account"), DELETION, action="delete_rows")
        self.act_on_each(request, queryset, self.delete_row, done="Deleted")
        return None

    @abstractmethod
    def set_enabled(self, keys: list[int], is_enabled: bool) -> int:
        """How many were changed."""

    @abstractmethod
    def delete_row(self, row: Any) -> None:
        """Raises NotFound."""
