"""Erasures, begun and brought to their ends as the product does it."""

from datetime import timedelta

from django.db.models import F

from conversations.models import Account, Erasure
from conversations.services.erasures import begin
from conversations.services.erasures.accounts import SETTLE
from conversations.services.erasures.advance import advance

REQUESTED_BY = "a test"


def delete_conversation(*, conversation_id: int) -> Erasure | None:
    return begin.delete_conversation(conversation_id=conversation_id, requested_by=REQUESTED_BY)


def erase_account(owner: Account) -> Erasure:
    """Begun so long ago that none of the account's requests can be on their way any more."""
    erasure = begin.erase_account(account_id=owner.pk, requested_by=REQUESTED_BY)
    Erasure.objects.filter(pk=erasure.pk).update(created_at=F("created_at") - SETTLE - timedelta(seconds=1))
    return erasure


def batches(erasure: Erasure, *, most: int = 1) -> int:
    """Advances it to its end; how many batches it took. With `most` 1 each step is a batch of its own."""
    count = 0
    while (erased := advance(erasure_pk=erasure.pk, most=most)) is not None:
        assert erased, "a batch failed"
        count += 1
    erasure.refresh_from_db()
    return count
