"""A visitor's thread with an assistant, for who only looks; turns settle it under a lock (`services/visitors`)."""

from conversations.models import Conversation, VisitorIdentity


def thread_of(*, account_id: int, assistant: int, external_id: str) -> str:
    """Its conversation's public id; "" where there is none yet."""
    visitor = VisitorIdentity.objects.for_account(account_id).filter(external_id=external_id).values("visitor")
    threads = Conversation.objects.for_account(account_id).filter(
        deleted_at=None, dialogue__visitor__in=visitor, dialogue__assistant=assistant, dialogue__is_thread=True
    )
    return threads.values_list("public_id", flat=True).first() or ""
