"""What an account's documents take up, for its quotas. The row is the last that a transaction locks."""

from django.db.models import F
from django.db.models.functions import Greatest

from conversations import errors
from conversations.models import Account, KnowledgeUsage
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota


def lock(*, account_id: int) -> KnowledgeUsage:
    """The account's row, made when it is new. Documents of an account are added one after the other."""
    KnowledgeUsage.objects.bulk_create([KnowledgeUsage(account_id=account_id)], ignore_conflicts=True)
    return KnowledgeUsage.objects.for_account(account_id).select_for_update().get()


def check_room(usage: KnowledgeUsage, *, documents: int = 0, held_bytes: int = 0) -> None:
    """Raises QuotaExceeded unless so much more may come, and InvalidRequest for an account that was erased."""
    account = Account.objects.get(pk=usage.pk)
    if account.erased_at is not None:
        raise errors.InvalidRequest("The account was erased.")
    if documents and usage.documents + documents > quotas.limit(account, Quota.KNOWLEDGE_DOCUMENTS):
        raise quotas.exceeded(account, Quota.KNOWLEDGE_DOCUMENTS)
    if held_bytes > 0 and usage.held_bytes + held_bytes > quotas.limit(account, Quota.KNOWLEDGE_BYTES):
        raise quotas.exceeded(account, Quota.KNOWLEDGE_BYTES)


def change(*, account_id: int, documents: int = 0, held_bytes: int = 0) -> None:
    KnowledgeUsage.objects.for_account(account_id).update(
        documents=Greatest(F("documents") + documents, 0), held_bytes=Greatest(F("held_bytes") + held_bytes, 0)
    )
