"""Turns of a visitor, of an assistant, or of both: whose they are, and in which conversation they belong.

START writes both with the run (`services/runs/sql/assisted.py`); here is what it takes for that.
"""

from dataclasses import replace
from typing import Any

import orjson
from django.conf import settings

from conversations import errors, ids
from conversations.models import Account, Visitor, VisitorIdentity
from conversations.rules.conversations import visitor_fields
from conversations.rules.conversations.visitor_fields import VisitorFields
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.services.visitors import arrivals, reports
from conversations.values.assistants import VisitorGiven
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.webhooks.payloads import EventType

# What refuses the later of two turns that make the same visitor, or the same thread, at the same moment. Begun anew it
# finds what the other one has made.
RACES = frozenset({"visitor_identity_is_unique_in_its_account", "visitor_has_one_thread_with_an_assistant"})

# The field of a turn that they come in.
ATTRIBUTES = "fielditem"


class MadeMeanwhile(Exception):
    """Others made its visitor or its thread at the same moment. Nothing was written; begun anew, it finds that."""


def is_assisted(request: RunRequest) -> bool:
    return request.visitor is not None or request.assistant is not None


def parameters(request: RunRequest, *, caller: Caller) -> dict[str, Any]:
    """What START takes for a turn that is assisted."""
    used, given = request.assistant, request.visitor
    fields = _fields(given) if given and caller.may_make_visitors else None
    shown = fields or VisitorFields()
    return {
        "assistant": used.pk if used else None,
        "version": used.version if used else None,
        "external_id": given.external_id if given else None,
        "is_thread": request.is_thread and bool(used and given),
        "may_make": given is None or fields is not None,
        "visitor_public_id": ids.new_visitor_id(),
        "name": shown.name,
        "email": shown.email,
        "mobile": shown.mobile,
        "attributes": orjson.dumps(shown.attributes).decode(),
        "has_endpoints": caller.has_endpoints,
        "idle": settings.DIALOGUE_IDLE,
    }


def _fields(given: VisitorGiven) -> VisitorFields | None:
    """Of a new visitor; None for attributes that are none. Those of one that is known are not looked at."""
    try:
        return visitor_fields.of_attributes(given.attributes, param=ATTRIBUTES)
    except errors.InvalidRequest:
        return None


def refusal(given: VisitorGiven, *, caller: Caller) -> Exception:
    """Why a new visitor may not be made."""
    named = VisitorIdentity.objects.for_account(caller.account_id).filter(external_id=given.external_id)
    if named.exists():
        # Made, or merged into another one, while the turn waited.
        return MadeMeanwhile()
    if not caller.may_make_visitors:
        return quotas.exceeded(Account.objects.get(pk=caller.account_id), Quota.VISITORS)
    try:
        visitor_fields.of_attributes(given.attributes, param=ATTRIBUTES)
    except errors.InvalidRequest as exc:
        return exc
    raise LookupError("a visitor that may be made was refused")


def in_thread(request: RunRequest, *, caller: Caller) -> RunRequest:
    """In the conversation that is the visitor's thread now. Locks the visitor, where the transaction goes on."""
    if not (request.is_thread and request.visitor and request.assistant):
        return request
    thread = arrivals.thread_of(request.visitor, assistant=request.assistant.pk, caller=caller)
    return replace(request, conversation_id=thread, begins_conversation=False) if thread else request


def report_new(visitor_id: int, *, run: str) -> None:
    """Belongs in the transaction that made the visitor. `run` is the public id of the run that it came with."""
    made = Visitor.objects.prefetch_related("identities").get(pk=visitor_id)
    reports.report(made, EventType.VISITOR_CREATED, run=run)
