"""What runs have used: an account's sums go; of a conversation those by conversation, not its part of the days."""

from conversations.models import Erasure, UsageOfConversation, UsageOfDay
from conversations.services.erasures.batch import Batch, following, next_keys
from conversations.services.money import usage


def delete_of_conversation(erasure: Erasure) -> Batch:
    """Few rows: one for each day on which it was used, model and key."""
    with usage.locked():
        rows = UsageOfConversation.objects.for_account(erasure.account_id).filter(conversation=erasure.subject_key)
        return Batch(erased={"usageofconversation": rows.delete()[0]})


def delete_of_conversations(erasure: Erasure) -> Batch:
    """Of an account. Nothing more is added: what counts usage leaves out an account that has a tombstone."""
    with usage.locked():
        keys = next_keys(UsageOfConversation.objects.for_account(erasure.account_id), erasure)
        erased = {"usageofconversation": UsageOfConversation.objects.filter(pk__in=keys).delete()[0]}
        return Batch(cursor=following(keys), erased=erased)


def delete_of_days(erasure: Erasure) -> Batch:
    with usage.locked():
        keys = next_keys(UsageOfDay.objects.for_account(erasure.account_id), erasure)
        erased = {"usageofday": UsageOfDay.objects.filter(pk__in=keys).delete()[0]}
        return Batch(cursor=following(keys), erased=erased)
