"""Whether a conversation or a run is a visitor's: what a client token may see hangs on this alone.

`external_id` is any of the ids that the customer has for the visitor; a merged one has those of both.
`assistant`: only if it is with this one too; "" for any.
"""

from typing import Any

from django.db.models import QuerySet

from conversations.models import AssistedRun, Dialogue, VisitorIdentity


def has_conversation(*, account_id: int, external_id: str, conversation_id: str, assistant: str = "") -> bool:
    own = Dialogue.objects.for_account(account_id).filter(
        conversation__account=account_id, conversation__public_id=conversation_id
    )
    own = own.filter(visitor__in=_visitor(account_id, external_id))
    return (own.filter(assistant__public_id=assistant) if assistant else own).exists()


def has_run(*, account_id: int, external_id: str, run_id: str, assistant: str = "") -> bool:
    own = AssistedRun.objects.for_account(account_id).filter(run__account=account_id, run__public_id=run_id)
    own = own.filter(visitor__in=_visitor(account_id, external_id))
    return (own.filter(assistant__public_id=assistant) if assistant else own).exists()


def _visitor(account_id: int, external_id: str) -> QuerySet[VisitorIdentity, Any]:
    return VisitorIdentity.objects.for_account(account_id).filter(external_id=external_id).values("visitor")
