"""HTTP tools: reviewed, disabled and deleted. Their headers' values are shown nowhere."""

import orjson
from django.contrib import admin
from django.utils.safestring import SafeString

from conversations.admin.site import formatting
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import display
from conversations.admin.tools.rows import EnabledFilter, ToolRowAdmin
from conversations.models import Tool
from conversations.services.tools import tools


@admin.register(Tool)
class ToolAdmin(ToolRowAdmin):
    list_display = ("name", "public_id", "account", "method", "shown_url", "state", "needs_approval", "created_at")
    list_filter = (EnabledFilter, ("account", RelatedFilter))
    fieldsets = (
        (None, {"fields": ("public_id", "account", "name", "description", "shown_parameters")}),
        ("Request", {"fields": ("method", "url", "arguments_in", "headers", "timeout_seconds")}),
        ("Use", {"fields": ("state", "is_idempotent", "needs_approval", "created_at", "changed_at")}),
    )

    readonly_fields = ("shown_parameters", "headers", "state")

    def set_enabled(self, keys: list[int], is_enabled: bool) -> int:
        return tools.set_enabled(tool_ids=keys, is_enabled=is_enabled)

    def delete_row(self, tool: Tool) -> None:
        tools.delete(account_id=tool.account_id, tool_id=tool.public_id)

    @display(description="URL")
    def shown_url(self, tool: Tool) -> str:
        return formatting.shortened(tool.url)

    @display(description="Parameters")
    def shown_parameters(self, tool: Tool) -> SafeString:
        return formatting.body(orjson.dumps(tool.parameters).decode())
