"""HTTP tools for their owners."""

from django.db.models import QuerySet

from conversations.errors import NotFound
from conversations.models import Tool


def of_account(*, account_id: int) -> QuerySet[Tool]:
    """The oldest first."""
    return Tool.objects.for_account(account_id).order_by("pk")


def for_account(*, account_id: int, tool_id: str) -> Tool:
    """Raises NotFound when the account has no such tool."""
    if (tool := of_account(account_id=account_id).filter(public_id=tool_id).first()) is None:
        raise NotFound("tool not found")
    return tool
