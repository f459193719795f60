"""MCP servers: reviewed, disabled and deleted. Their headers' values are shown nowhere."""

from django.contrib import admin
from django.utils.safestring import SafeString

from conversations.admin.site import formatting
from conversations.admin.site.changelists import RelatedFilter
from conversations.admin.site.decorators import display
from conversations.admin.tools.rows import EnabledFilter, ToolRowAdmin
from conversations.models import McpServer
from conversations.services.tools import mcp_servers


@admin.register(McpServer)
class McpServerAdmin(ToolRowAdmin):
    list_display = ("name", "public_id", "account", "shown_url", "state", "listed_at", "problem", "created_at")
    list_filter = (EnabledFilter, ("account", RelatedFilter))
    fieldsets = (
        (None, {"fields": ("public_id", "account", "name", "url", "headers", "timeout_seconds")}),
        ("Tools", {"fields": ("listed_at", "problem", "left_out", "shown_tools")}),
        ("Use", {"fields": ("state", "needs_approval", "created_at", "changed_at")}),
    )

    readonly_fields = ("shown_tools", "headers", "state")

    def set_enabled(self, keys: list[int], is_enabled: bool) -> int:
        return mcp_servers.set_enabled(server_ids=keys, is_enabled=is_enabled)

    def delete_row(self, server: McpServer) -> None:
        mcp_servers.delete(account_id=server.account_id, server_id=server.public_id)

    @display(description="URL")
    def shown_url(self, server: McpServer) -> str:
        return formatting.shortened(server.url)

    @display(description="Tools")
    def shown_tools(self, server: McpServer) -> SafeString:
        listed = [f"{tool['name']}: {tool['description']}" for tool in server.tools]
        return formatting.preformatted("\n".join(listed))
