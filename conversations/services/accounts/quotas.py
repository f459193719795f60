"""How many rows of a kind an account may have: the installation's limit, or the account's own.

Rows that are few are counted when another one is created. Conversations, visitors and idempotency keys are too many for
that, and every turn may create one: `tallies` counts them, so their limits take effect some seconds late.
"""

from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Model, QuerySet

from conversations import errors
from conversations.models import Account, Conversation, IdempotencyKey


class Quota(StrEnum):
    """The values are also part of the settings' names (`…_PER_ACCOUNT`) and of the account's columns (`max_…`)."""

    CONVERSATIONS = "conversations"
    API_KEYS = "api_keys"
    PRESETS = "presets"
    WEBHOOK_ENDPOINTS = "webhook_endpoints"
    IDEMPOTENCY_KEYS = "idempotency_keys"
    KNOWLEDGE_BASES = "knowledge_bases"
    KNOWLEDGE_DOCUMENTS = "knowledge_documents"
    KNOWLEDGE_BYTES = "knowledge_bytes"
    TOOLS = "tools"
    MCP_SERVERS = "mcp_servers"
    ASSISTANTS = "assistants"
    INTENTS = "intents"
    VISITORS = "visitors"


LABELS = {
    Quota.CONVERSATIONS: "conversations",
    Quota.API_KEYS: "API keys",
    Quota.PRESETS: "versions of presets",
    Quota.WEBHOOK_ENDPOINTS: "webhook endpoints",
    Quota.TOOLS: "tools",
    Quota.MCP_SERVERS: "MCP servers",
    Quota.ASSISTANTS: "assistants",
    Quota.INTENTS: "intents",
    Quota.VISITORS: "visitors",
    Quota.IDEMPOTENCY_KEYS: f"idempotency keys in {settings.KEEP['idempotency_keys'] // timedelta(hours=1)} hours",
    Quota.KNOWLEDGE_BASES: "knowledge bases",
    Quota.KNOWLEDGE_DOCUMENTS: "documents in its knowledge bases",
    Quota.KNOWLEDGE_BYTES: "bytes of documents in its knowledge bases",
}


def limit(account: Account, quota: Quota) -> int:
    own: int | None = getattr(account, f"max_{quota}")
    return settings.QUOTAS[quota] if own is None else own


def check_count(*, account_id: int, quota: Quota, rows: QuerySet[Model]) -> Account:
    """The account, locked, which may have one more of `rows`. Raises QuotaExceeded.

    To be called in the transaction that creates it. Locks the account's row, so that two transactions at once count one
    after the other. Raises InvalidRequest for an account that was erased: nothing may come to it any more.
    """
    account = lock_account(account_id)
    if rows.count() >= limit(account, quota):
        raise exceeded(account, quota)
    return account


def lock_account(account_id: int) -> Account:
    """In a transaction. Raises InvalidRequest for an account that was erased: nothing may come to it any more."""
    account = Account.objects.select_for_update(no_key=True).get(pk=account_id)
    if account.erased_at is not None:
        raise errors.InvalidRequest("The account was erased.")
    return account


def check_known_conversation(*, account_id: int, conversation_id: str) -> None:
    """For an account that may create no conversation. Raises QuotaExceeded unless it already has this one."""
    if not Conversation.objects.for_account(account_id).filter(public_id=conversation_id).exists():
        raise exceeded(Account.objects.get(pk=account_id), Quota.CONVERSATIONS)


def check_known_idempotency_key(*, account_id: int, idempotency_key: str) -> None:
    """For an account that may create no idempotency key. Raises QuotaExceeded unless it already has this one."""
    if not IdempotencyKey.objects.for_account(account_id).filter(key=idempotency_key).exists():
        raise exceeded(Account.objects.get(pk=account_id), Quota.IDEMPOTENCY_KEYS)


def exceeded(account: Account, quota: Quota) -> errors.QuotaExceeded:
    return errors.QuotaExceeded(f"An account has at most {limit(account, quota)} {LABELS[quota]}.")
