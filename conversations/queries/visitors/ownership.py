"""Whether a conversation or a run is a visitor's: what a client token may see hangs on this alone.

`external_id` is any of the ids that the customer has for the visitor; a merged one has those of both, and what was the
other's is its own at once, also what is not moved yet. `assistant`: only if it is with this one too; "" for any.
"""

from django.db.models import Q

from conversations.models import AssistedRun, Dialogue, Visitor, VisitorIdentity


def has_conversation(*, account_id: int, external_id: str, conversation_id: str, assistant: str = "") -> bool:
    own = Dialogue.objects.for_account(account_id).filter(
        _is_of(account_id, external_id, assistant),
        conversation__account=account_id,
        conversation__public_id=conversation_id,
    )
    return own.exists()


def has_run(*, account_id: int, external_id: str, run_id: str, assistant: str = "") -> bool:
    own = AssistedRun.objects.for_account(account_id).filter(
        _is_of(account_id, external_id, assistant), run__account=account_id, run__public_id=run_id
    )
    return own.exists()


def visitors(*, account_id: int, external_id: str) -> list[int]:
    """The keys of all that are this visitor; none where it has stored nothing, or was deleted."""
    own = VisitorIdentity.objects.for_account(account_id).filter(external_id=external_id)
    return and_merged(list(own.values_list("visitor", flat=True)), account_id=account_id)


def and_merged(visitors: list[int], *, account_id: int) -> list[int]:
    """With those that were merged into them and still have what is not moved yet."""
    merged = Visitor.objects.for_account(account_id).filter(merged_into__in=visitors)
    return [*visitors, *merged.values_list("pk", flat=True)]


def _is_of(account_id: int, external_id: str, assistant: str) -> Q:
    identities = VisitorIdentity.objects.for_account(account_id).filter(external_id=external_id)
    visitor = identities.values("visitor")
    own = Q(visitor__in=visitor) | Q(visitor__merged_into__in=visitor)
    return own & Q(assistant__public_id=assistant) if assistant else own
