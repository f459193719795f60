"""Events for owners who catch up: the oldest first, after the last one they have."""

from conversations.models import Event
from conversations.queries.keyset import Page, keyset_page

MAX_SEQUENCE = 2**63 - 1
# Enough digits for MAX_SEQUENCE. Longer ones are cut: int() refuses texts of thousands of digits.
SEQUENCE_DIGITS = 19


def page(
    *, account_id: int, after: str | None, conversation_id: str | None, event_type: str | None, limit: int
) -> Page[Event]:
    """`after` is an event's id, or, in a conversation, its sequence. Raises InvalidRequest when it is neither."""
    # With their conversations: the events of one that was deleted show nothing, also before they are emptied.
    events = Event.objects.for_account(account_id).select_related("conversation").defer("conversation__preset_text")
    if conversation_id is not None:
        events = events.filter(conversation__public_id=conversation_id, conversation__account=account_id)
    if event_type is not None:
        events = events.filter(type=event_type)
    if after is not None and conversation_id is not None and after.isascii() and after.isdigit():
        events = events.filter(sequence__gt=min(int(after[:SEQUENCE_DIGITS]), MAX_SEQUENCE))
        after = None
    return keyset_page(
        events,
        owned=Event.objects.for_account(account_id),
        cursor=after,
        limit=limit,
        oldest_first=True,
        parameter="after",
        problem="must be an event's id, or, together with conversation, a sequence",
    )
