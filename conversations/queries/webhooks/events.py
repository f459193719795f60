"""Events as their owners catch up on them: the oldest first, after the last one they have."""

from conversations import errors
from conversations.models import Event


def page(
    *, account_id: int, after: str | None, conversation_id: str | None, event_type: str | None, limit: int
) -> list[Event]:
    """One more than `limit` when there are more. `after` is an event's id, or, in a conversation, its sequence.

    Raises InvalidRequest when it is neither.
    """
    events = Event.objects.for_account(account_id)
    if conversation_id is not None:
        events = events.filter(conversation__public_id=conversation_id, conversation__account=account_id)
    if event_type is not None:
        events = events.filter(type=event_type)
    if after is not None and after.isascii() and after.isdigit() and conversation_id is not None:
        events = events.filter(sequence__gt=min(int(after[:19]), MAX_SEQUENCE))
    elif after is not None:
        events = events.filter(pk__gt=_key(account_id, after))
    return list(events.order_by("pk")[: limit + 1])


MAX_SEQUENCE = 2**63 - 1


def _key(account_id: int, event_id: str) -> int:
    known = Event.objects.for_account(account_id)
    pk = known.filter(public_id=event_id).values_list("pk", flat=True).first()
    if pk is None:
        raise errors.InvalidRequest(
            "after must be an event's id, or, together with conversation, a sequence", param="after"
        )
    return pk
