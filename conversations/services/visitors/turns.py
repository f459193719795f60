"""Turns of a visitor, of an assistant, or of both: whose they are, and in which conversation they belong.

Each function is called in the transaction that accepts the turn (`services/runs/accept.py`): `begin` before its
conversation is locked, `record` when its run is there. So a turn that is refused leaves no visitor and no thread.
"""

from dataclasses import dataclass, replace

from django.conf import settings

from conversations import ids
from conversations.models import Visitor
from conversations.services.visitors import arrivals, reports
from conversations.services.visitors.arrivals import Arrival
from conversations.stores import statements
from conversations.values.assistants import VisitorGiven
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.webhooks.payloads import EventType

# A conversation's row says whose it is from its first such turn on. It is changed by later turns only where it said
# nothing yet, or to open it again. The run is active: it has just been accepted.
RECORD = """
WITH own AS (
  INSERT INTO conversations_assistedrun (run_id, account_id, assistant_id, assistant_version, visitor_id)
  VALUES (%(run_id)s, %(account_id)s, %(assistant)s::bigint, %(version)s::int, %(visitor)s::bigint)
)
INSERT INTO conversations_dialogue AS d (conversation_id, account_id, assistant_id, visitor_id, is_thread, is_open,
                                         look_at)
SELECT conversation_id, %(account_id)s, %(assistant)s::bigint, %(visitor)s::bigint, %(is_thread)s, %(is_reported)s,
       CASE WHEN %(is_reported)s THEN statement_timestamp() + %(idle)s::interval END
FROM conversations_activerun
WHERE run_id = %(run_id)s AND (account_id = %(account_id)s) IS TRUE AND conversation_id IS NOT NULL
ON CONFLICT (conversation_id) DO UPDATE SET
  assistant_id = COALESCE(d.assistant_id, EXCLUDED.assistant_id),
  visitor_id = COALESCE(d.visitor_id, EXCLUDED.visitor_id),
  is_open = d.is_open OR EXCLUDED.is_open,
  look_at = CASE WHEN d.is_open THEN d.look_at ELSE EXCLUDED.look_at END
WHERE (EXCLUDED.is_open AND NOT d.is_open)
   OR (d.assistant_id IS NULL AND EXCLUDED.assistant_id IS NOT NULL)
   OR (d.visitor_id IS NULL AND EXCLUDED.visitor_id IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class AssistedTurn:
    """`request` has the conversation that the turn really belongs to."""

    request: RunRequest
    visitor: Arrival | None = None


def begin(request: RunRequest, *, caller: Caller) -> AssistedTurn:
    """Only a turn that is stored makes a visitor. Raises QuotaExceeded and InvalidRequest, as `arrive` does."""
    if request.visitor is None:
        return AssistedTurn(request)
    assistant = request.assistant.pk if request.assistant else None
    visitor = arrivals.arrive(request.visitor, assistant=assistant, may_be_made=request.is_stored, caller=caller)
    if visitor is None or not (request.is_thread and request.is_stored and assistant):
        return AssistedTurn(request, visitor)
    thread = visitor.thread or _made_meanwhile(request.visitor, visitor, assistant=assistant, caller=caller)
    return AssistedTurn(_in_thread(request, thread), visitor)


def _made_meanwhile(given: VisitorGiven, visitor: Arrival, *, assistant: int, caller: Caller) -> str:
    """Of two first turns at the same moment the second waits here for the first, and then finds its thread.

    Nobody knows yet a visitor that this transaction has made.
    """
    if visitor.is_new:
        return ""
    arrivals.find(given, assistant=assistant, caller=caller, is_alone=True)
    # Once more: the statement that waited for the lock does not see what was committed meanwhile.
    found = arrivals.find(given, assistant=assistant, caller=caller, is_alone=True)
    return found.thread if found else ""


def _in_thread(request: RunRequest, thread: str) -> RunRequest:
    if thread:
        return replace(request, conversation_id=thread, begins_conversation=False)
    if request.begins_conversation:
        return request
    # The thread that it was sent for is gone.
    return replace(request, conversation_id=ids.new_conversation_id(), begins_conversation=True)


def record(turn: AssistedTurn, *, run_id: int, run: str, caller: Caller) -> None:
    """Whose the run is, and its conversation. `run` is its public id. Reports a visitor that is new."""
    used, visitor = turn.request.assistant, turn.visitor
    if used is None and visitor is None:
        return
    parameters = {
        "run_id": run_id,
        "account_id": caller.account_id,
        "assistant": used.pk if used else None,
        "version": used.version if used else None,
        "visitor": visitor.pk if visitor else None,
        "is_thread": turn.request.is_thread and bool(used and visitor),
        "is_reported": caller.has_endpoints,
        "idle": settings.DIALOGUE_IDLE,
    }
    statements.execute(RECORD, parameters)
    if visitor and visitor.is_new:
        made = Visitor.objects.prefetch_related("identities").get(pk=visitor.pk)
        reports.report(made, EventType.VISITOR_CREATED, run=run)
