"""MCP server of an account, and the tools that it listed when it was last asked."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.models.tools.tools import NAME_MAX_CHARS, NAME_PATTERN, TIMEOUT_MAX_SECONDS, TIMEOUT_SECONDS
from conversations.models.webhooks.endpoints import URL_MAX_CHARS

PROBLEM_MAX_CHARS = 500


class McpServer(models.Model):
    """`tools` are those of the last list that could be had, from `listed_at`.

    `problem` says why there was none when it was asked last.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=40, default=ids.new_mcp_server_id, editable=False)
    name = models.CharField(max_length=NAME_MAX_CHARS)
    url = models.CharField("URL", max_length=URL_MAX_CHARS)
    header_names = models.JSONField(help_text="Their values are encrypted.")
    encrypted_headers = models.TextField(db_default="", editable=False)
    needs_approval = models.BooleanField(db_default=False)
    timeout_seconds = models.PositiveSmallIntegerField(db_default=TIMEOUT_SECONDS)
    is_enabled = models.BooleanField(db_default=True)
    tools = models.JSONField(default=list, editable=False)
    left_out = models.PositiveIntegerField(
        db_default=0, editable=False, help_text="Tools that cannot be offered: their names or schemas are unusable."
    )
    listed_at = models.DateTimeField(null=True, editable=False)
    problem = models.CharField(max_length=PROBLEM_MAX_CHARS, db_default="", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = "MCP server"
        constraints = (
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="mcp_server_id_is_unique_in_its_account",
            ),
            models.UniqueConstraint(fields=["account", "name"], name="mcp_server_name_is_unique_in_its_account"),
            models.CheckConstraint(condition=models.Q(name__regex=NAME_PATTERN), name="mcp_server_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(timeout_seconds__range=(1, TIMEOUT_MAX_SECONDS)), name="mcp_server_has_a_timeout"
            ),
        )

    def __str__(self) -> str:
        return self.public_id
