"""Intents for their owners."""

from django.db.models import QuerySet

from conversations.models import Intent


def of_account(*, account_id: int) -> QuerySet[Intent]:
    """The oldest first."""
    return Intent.objects.for_account(account_id).order_by("pk")
