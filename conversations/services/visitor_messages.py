"""Messages that a customer sends to its visitors in an assistant's name, beside all turns: no model is asked.

Such a message is the answer of a run that has ended before anybody could claim it: without an attempt, and free. So
whoever reads runs, threads or histories reads it as any other answer, and the next turn's model is shown it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from conversations import errors, ids
from conversations.dialects import registry
from conversations.models import (
    Account,
    ActiveRun,
    AssistedRun,
    Conversation,
    Dialogue,
    Message,
    Run,
    Visitor,
    VisitorIdentity,
)
from conversations.relay import codec
from conversations.rules.conversations import resent_history
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.services.runs import accept, idempotency, notify, records
from conversations.services.transactions import retry_on_deadlock
from conversations.values.assistants import AssistantUsed
from conversations.values.callers import Caller
from conversations.values.requests import NewRun, Preconditions, RunRequest
from providers import serialization, tokens
from providers.assembly import Answer
from providers.events import TextDelta
from providers.messages import Message as Said
from providers.messages import Role, TextPart

FINISH_REASON = "stop"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """`visitor`: our id of it, or one of the customer's. `dialect` is the family that the message came in, `reply` what
    it needs to render the message again (`RunRequest.reply`).
    """

    visitor: str
    assistant: AssistantUsed
    text: str
    dialect: str
    reply: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SentMessage:
    """`is_new` is False for one that was sent earlier, under the same idempotency key."""

    run_id: str
    conversation_id: str
    at: datetime
    is_new: bool = True


@retry_on_deadlock
def send(message: NewMessage, preconditions: Preconditions, *, caller: Caller, run: NewRun) -> SentMessage:
    """The message stands in the visitor's thread with the assistant, which is made where there is none.

    Raises NotFound for an unknown visitor, ConversationBusy while a question is being answered there: the message would
    stand beside the answer, where nobody reads it; QuotaExceeded for a new thread or key beyond the account's number;
    Duplication for a key that was used with another body.
    """
    with transaction.atomic():
        if preconditions.idempotency_key:
            earlier = idempotency.take_key(preconditions, caller=caller)
            if earlier is not None:
                return _sent(earlier, is_new=False)
        visitor = _locked_visitor(message.visitor, caller=caller)
        conversation, is_new = _thread(visitor, message.assistant, caller=caller)
        sent = _write(message, conversation, caller=caller, run=run)
        AssistedRun.objects.create(
            run=sent,
            account_id=caller.account_id,
            assistant_id=message.assistant.pk,
            assistant_version=message.assistant.version,
            visitor=visitor,
        )
        if preconditions.idempotency_key:
            idempotency.assign_key(preconditions, account_id=caller.account_id, run_id=sent.pk)
        _report(sent, conversation, is_new=is_new, caller=caller)
    return _sent(sent)


def _report(sent: Run, conversation: Conversation, *, is_new: bool, caller: Caller) -> None:
    """As a turn is reported: the message goes to the customer's endpoints, and the dialogue goes on."""
    if caller.has_endpoints:
        closed = Dialogue.objects.filter(pk=conversation.pk, is_open=False)
        closed.update(is_open=True, look_at=Now() + settings.DIALOGUE_IDLE)
    if is_new:
        notify.report_conversation(conversation)
    notify.report_end(run_id=sent.pk)


def _sent(run: Run, *, is_new: bool = True) -> SentMessage:
    conversation = run.conversation
    if conversation is None or run.finished_at is None:
        # The key was used with another request of the same body; nothing else makes such a run.
        raise errors.Duplication
    return SentMessage(run.public_id, conversation.public_id, run.finished_at, is_new=is_new)


def _locked_visitor(given: str, *, caller: Caller) -> Visitor:
    """Locked, so that no first turn makes the same thread meanwhile, and nobody deletes or merges it."""
    own = Visitor.objects.for_account(caller.account_id).filter(deleted_at=None)
    named = VisitorIdentity.objects.for_account(caller.account_id).filter(external_id=given).values("visitor")
    for found in (own.filter(public_id=given), own.filter(pk__in=named)):
        # Turns lock its key alone: no weaker lock keeps them away.
        if visitor := found.select_for_update().first():
            return visitor
    raise errors.NotFound("visitor not found")


def _thread(visitor: Visitor, assistant: AssistantUsed, *, caller: Caller) -> tuple[Conversation, bool]:
    """The thread, locked, and whether it is new. Raises ConversationBusy and QuotaExceeded."""
    own = Dialogue.objects.for_account(caller.account_id).filter(visitor=visitor, assistant=assistant.pk)
    key = own.filter(is_thread=True).values_list("pk", flat=True).first()
    if key is not None:
        locked = Conversation.objects.for_account(caller.account_id).select_for_update(no_key=True)
        # None: it was deleted after the look-up, and its dialogue with it.
        if conversation := locked.filter(pk=key, deleted_at=None).first():
            active = ActiveRun.objects.filter(conversation=conversation).with_runs().order_by("pk").first()
            if active is not None:
                raise accept.busy_with(active)
            return conversation, False
    if not caller.may_begin_conversations:
        raise quotas.exceeded(Account.objects.get(pk=caller.account_id), Quota.CONVERSATIONS)
    made = Conversation.objects.create(account_id=caller.account_id, public_id=ids.new_conversation_id())
    made.refresh_from_db(fields=["created_at"])
    Dialogue.objects.create(
        conversation=made, account_id=caller.account_id, assistant_id=assistant.pk, visitor=visitor, is_thread=True
    )
    return made, True


def _write(message: NewMessage, conversation: Conversation, *, caller: Caller, run: NewRun) -> Run:
    """Under the conversation's lock, as START and FINISH write a turn."""
    parts = (TextPart(message.text),)
    # What whoever reads the run again asks of its request: nobody has asked anything.
    request = RunRequest(
        dialect=registry.get(message.dialect).name,
        model="",
        messages=(),
        conversation_id=conversation.public_id,
        is_stored=True,
        reply=message.reply,
    )
    sent = Run.objects.create(
        account_id=caller.account_id,
        api_key_id=caller.api_key_id,
        conversation=conversation,
        public_id=run.run_id,
        channel=run.channel,
        trace_id=run.trace_id,
        dialect=request.dialect,
        model=request.model,
        context_window=run.context_window,
        request=orjson.loads(records.dump_request(request)),
        preset_text="",
        finished_at=Now(),
        answer=records.dump_answers(
            (Answer(0, parts, FINISH_REASON),), codec.shape([TextDelta(message.text)]), have_messages=True
        ),
    )
    sent.refresh_from_db(fields=["finished_at"])
    said = Said(Role.ASSISTANT, parts)
    head = Message.objects.create(
        account_id=caller.account_id,
        conversation=conversation,
        run=sent,
        parent_id=conversation.head_id,
        role=Role.ASSISTANT.value,
        parts=serialization.dump_parts(parts),
        tokens=tokens.estimate_parts(parts),
        digest=resent_history.digest(said),
    )
    # A turn that waited for the lock does not see this run: `latest_run_id` tells it that there is one (START_STORED).
    Conversation.objects.filter(pk=conversation.pk).update(
        head=head, latest_run_id=sent.pk, previous_run_id=conversation.latest_run_id, updated_at=Now()
    )
    return sent
