"""Which conversations a caller reaches: a key those of its account, a client token those of its visitor."""

from conversations import errors
from conversations.models import Assistant, Visitor
from conversations.queries.conversations import listed
from conversations.queries.conversations.pages import Wanted
from conversations.queries.keyset import find_key
from conversations.queries.visitors import ownership
from conversations.values.callers import Caller


def one(caller: Caller, conversation_id: str) -> int:
    """Its key. Raises NotFound for what the caller does not reach, whether it is there or not."""
    if caller.visitor and not ownership.has_conversation(
        account_id=caller.account_id,
        external_id=caller.visitor,
        conversation_id=conversation_id,
        assistant=caller.assistant,
    ):
        raise errors.NotFound("conversation not found")
    return listed.key_of(account_id=caller.account_id, conversation_id=conversation_id)


def many(caller: Caller, *, visitor: str | None, assistant: str | None, is_archived: bool) -> Wanted:
    """Those with this visitor and this assistant; nobody has one that is not there.

    Raises OutOfScope where a client token names a visitor, or another assistant than its own.
    """
    if caller.visitor and visitor is not None:
        raise errors.OutOfScope("A client token is of one visitor alone.", param="visitor")
    if caller.assistant and assistant not in (None, caller.assistant):
        raise errors.OutOfScope("The client token is for another assistant.", param="assistant")
    of_account = Assistant.objects.for_account(caller.account_id)
    named = caller.assistant or assistant
    return Wanted(
        caller.account_id,
        is_archived=is_archived,
        visitors=_visitors(caller, visitor),
        assistant=None if named is None else find_key(of_account, named),
    )


def _visitors(caller: Caller, visitor: str | None) -> list[int] | None:
    if caller.visitor:
        return ownership.visitors(account_id=caller.account_id, external_id=caller.visitor)
    if visitor is None:
        return None
    own = Visitor.objects.for_account(caller.account_id).filter(public_id=visitor, deleted_at=None)
    return ownership.and_merged(list(own.values_list("pk", flat=True)), account_id=caller.account_id)
