"""Turns of callers who may send the whole conversation again instead of what is new in it."""

from dataclasses import replace

from django.db import transaction

from conversations import errors
from conversations.queries.conversations import threads
from conversations.queries.conversations.threads import Thread
from conversations.rules.conversations import resent_history
from conversations.values.requests import RunRequest
from providers.messages import Role


def without_history(turn: RunRequest, *, account_id: int) -> tuple[RunRequest, int | None]:
    """The turn with only those messages that its conversation does not have, and the message that they follow.

    None: they follow the head, wherever that is when the run is claimed; another turn may be under way.
    Raises InvalidRequest when the conversation has them all.
    """
    if all(message.role is not Role.ASSISTANT for message in turn.messages):
        return turn, None
    thread = _thread(turn, account_id=account_id)
    found = resent_history.recognise(turn.messages, known=thread.messages, head=thread.head)
    if found.new_from == len(turn.messages):
        raise errors.InvalidRequest("messages holds nothing that is new to the conversation", param="messages")
    return replace(turn, messages=turn.messages[found.new_from :]), found.after


def _thread(turn: RunRequest, *, account_id: int) -> Thread:
    thread = threads.read(account_id=account_id, conversation_id=turn.conversation_id)
    if thread.is_whole:
        return thread
    with transaction.atomic():
        return threads.with_older(thread)
