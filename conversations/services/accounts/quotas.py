"""How many of something an account may have: the installation's number, or the account's own.

What is few is counted when one more is to be made. Conversations and idempotency keys are too many for that, and made
by every turn: `tallies` counts them, and an account that has reached its number makes no new ones some seconds later.
"""

from enum import StrEnum

from django.conf import settings
from django.db.models import Model, QuerySet

from conversations import errors
from conversations.models import Account, Conversation, IdempotencyKey


class Quota(StrEnum):
    """Also the names of the settings (`…_PER_ACCOUNT`) and of the account's own numbers (`max_…`)."""

    CONVERSATIONS = "conversations"
    API_KEYS = "api_keys"
    PRESETS = "presets"
    WEBHOOK_ENDPOINTS = "webhook_endpoints"
    IDEMPOTENCY_KEYS = "idempotency_keys"


LABELS = {
    Quota.CONVERSATIONS: "conversations",
    Quota.API_KEYS: "API keys",
    Quota.PRESETS: "versions of presets",
    Quota.WEBHOOK_ENDPOINTS: "webhook endpoints",
    Quota.IDEMPOTENCY_KEYS: "idempotency keys in 24 hours",
}


def limit(account: Account, quota: Quota) -> int:
    own: int | None = getattr(account, f"max_{quota}")
    return settings.QUOTAS[quota] if own is None else own


def check_room(*, account_id: int, quota: Quota, rows: QuerySet[Model]) -> None:
    """Inside a transaction, before one more of `rows` is made. Raises QuotaExceeded.

    Locks the account's row, so that two at once count one after the other.
    """
    account = Account.objects.select_for_update(no_key=True).get(pk=account_id)
    if rows.count() >= limit(account, quota):
        raise _exceeded(account, quota)


def check_begun(*, account_id: int, conversation_id: str) -> None:
    """For an account that may begin no conversation: whether it has this one. Raises QuotaExceeded."""
    if not Conversation.objects.for_account(account_id).filter(public_id=conversation_id).exists():
        raise _exceeded(Account.objects.get(pk=account_id), Quota.CONVERSATIONS)


def check_taken(*, account_id: int, idempotency_key: str) -> None:
    """For an account that may take no idempotency key: whether it has this one. Raises QuotaExceeded."""
    if not IdempotencyKey.objects.for_account(account_id).filter(key=idempotency_key).exists():
        raise _exceeded(Account.objects.get(pk=account_id), Quota.IDEMPOTENCY_KEYS)


def _exceeded(account: Account, quota: Quota) -> errors.QuotaExceeded:
    return errors.QuotaExceeded(f"An account has at most {limit(account, quota)} {LABELS[quota]}.")
