"""Events for owners who catch up: the oldest first, after the last one they have."""

from django.db.models import Q, QuerySet

from conversations.models import Conversation, Event
from conversations.models.rows import AccountRows
from conversations.queries.keyset import Page, Within, find_key, key_of, keyset_page, page_of
from conversations.webhooks.payloads import EventType

MAX_SEQUENCE = 2**63 - 1
# Enough digits for MAX_SEQUENCE. Longer ones are cut: int() refuses texts of thousands of digits.
SEQUENCE_DIGITS = 19
# Nearly all events are of this type. The index event_rare_of_account has all others.
USUAL = EventType.RUN_COMPLETED.value
PROBLEM = "must be an event's id, or, together with conversation, a sequence"


def page(
    *, account_id: int, after: str | None, conversation_id: str | None, event_type: str | None, limit: int
) -> Page[Event]:
    """`after` is an event's id, or, in a conversation, its sequence. Raises InvalidRequest when it is neither.

    An event that was deleted by age is neither, too: all that are left came after it.
    """
    if conversation_id is not None:
        conversation = find_key(Conversation.objects.for_account(account_id), conversation_id)
        # The account is that of the conversation: by the event's own PostgreSQL would gather all of the account first.
        events = _rows().filter(conversation=conversation, conversation__account=account_id)
        if after is not None:
            events = _after(events, after, account_id=account_id)
        # The order of their ids, too, but this one has an index.
        in_order = _of_type(events, event_type).order_by("sequence")
        return page_of(list(in_order[: limit + 1]), limit=limit)
    is_rare = event_type is not None and event_type != USUAL
    return keyset_page(
        _rows() if is_rare else _of_type(_rows(), event_type),
        account_id=account_id,
        cursor=after,
        limit=limit,
        within=Within("type", event_type, ~Q(type=USUAL)) if event_type is not None and is_rare else None,
        is_filtered=event_type == USUAL,
        oldest_first=True,
        parameter="after",
        problem=PROBLEM,
    )


def _rows() -> AccountRows[Event]:
    """With their conversations: the events of one that was deleted show nothing, also before they are emptied."""
    return Event.objects.select_related("conversation").defer("conversation__preset_text")


def _of_type(events: QuerySet[Event], event_type: str | None) -> QuerySet[Event]:
    return events if event_type is None else events.filter(type=event_type)


def _after(events: AccountRows[Event], after: str, *, account_id: int) -> AccountRows[Event]:
    """Those of a conversation's events that follow the one with this sequence or id; it may be of another one."""
    if after.isascii() and after.isdigit():
        return events.filter(sequence__gt=min(int(after[:SEQUENCE_DIGITS]), MAX_SEQUENCE))
    sequence = events.filter(public_id=after).values_list("sequence", flat=True).first()
    if sequence is not None:
        return events.filter(sequence__gt=sequence)
    owned = Event.objects.for_account(account_id)
    return events.filter(pk__gt=key_of(owned, cursor=after, parameter="after", problem=PROBLEM))
