"""What happens to runs, reported to webhook endpoints as events and to a caller's callback URL as the whole answer.

Each function belongs in the transaction of what it reports, as its last step.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef

from conversations import resources
from conversations.dialects.api import sources as source_members
from conversations.dialects.api import tasks
from conversations.models import AssistedRun, Conversation, Run, Task
from conversations.models.webhooks.endpoints import has_endpoint
from conversations.queries import answers, sources
from conversations.queries import tasks as task_queries
from conversations.services import one_by_one
from conversations.services.visitors import reports
from conversations.services.webhooks import deliveries, events
from conversations.values.assistants import FallbackHandler, IntentMatch
from conversations.values.context.sources import FALLBACK
from conversations.values.runs import RunStatus
from conversations.webhooks.payloads import EventType

EVENT_TYPES = {
    RunStatus.COMPLETED: EventType.RUN_COMPLETED,
    # An answer that our limits cut short is complete as far as it goes; the event's `status` says so.
    RunStatus.INCOMPLETE: EventType.RUN_COMPLETED,
    RunStatus.FAILED: EventType.RUN_FAILED,
    RunStatus.CANCELLED: EventType.RUN_CANCELLED,
    RunStatus.REQUIRES_ACTION: EventType.RUN_REQUIRES_ACTION,
}

# Of a run that is of an assistant or a visitor.
WHOSE = ("assisted__assistant", "assisted__visitor__merged_into")


def report_conversation(conversation: Conversation) -> None:
    """Of a new conversation only its ids and its time are needed."""
    events.record(
        account_id=conversation.account_id,
        event_type=EventType.CONVERSATION_CREATED,
        data=resources.conversation(conversation),
        conversation_id=conversation.pk,
    )


def report_end(*, run_id: int) -> None:
    """Records the event of a run's end, and its callback, as far as anybody wants them.

    Whether they can be delivered later does not change the run. Raises what the database refuses, so that the run's end
    is refused along with its report (ADR 9).
    """
    runs = Run.objects.select_related("conversation", "task", *WHOSE)
    run = runs.annotate(has_endpoints=has_endpoint()).defer("preset_text").get(pk=run_id)
    task: Task | None = getattr(run, "task", None)
    if url := task.callback_url if task else "":
        body = tasks.callback(task_queries.of_run(run_id=run.pk))
        deliveries.create_for_callback(
            account_id=run.account_id, run_id=run.pk, is_stored=run.conversation_id is not None, url=url, body=body
        )
    if run.has_endpoints:  # type: ignore[attr-defined]  # an annotation
        assisted = _record(run)
        if assisted is not None and EVENT_TYPES[run.status] is EventType.RUN_COMPLETED:
            _record_findings(run, assisted)


def _record_findings(run: Run, assisted: AssistedRun) -> None:
    """What was found out about its question (docs/contract D.9), after its own event. Never the question's words."""
    sourced, context = sources.of(run), (run.request or {}).get("context", {})
    satisfied = [match for match in sourced.intents if match.is_satisfied]
    findings: list[tuple[EventType, dict[str, Any]]] = []
    if sourced.lacks_knowledge:
        handler = sourced.notes.get(FALLBACK, FallbackHandler.CUSTOM.value)
        about = {"knowledge": context.get("knowledge", []), "handler": handler}
        findings.append((EventType.KNOWLEDGE_NO_MATCH, about))
    findings += [(EventType.INTENT_SATISFIED, {"intent": _named(match)}) for match in satisfied]
    if not satisfied and any(match.is_satisfied is False for match in sourced.intents):
        findings.append((EventType.INTENT_NOT_SATISFIED, {"intents": list(map(_named, sourced.intents))}))
    if findings:
        _record_each(run, assisted, findings)


def _record_each(run: Run, assisted: AssistedRun, findings: Sequence[tuple[EventType, dict[str, Any]]]) -> None:
    subject = reports.subject(assistant=assisted.assistant, visitor=assisted.visitor, run=run.public_id)
    common = {
        "run": run.public_id,
        "url": f"/api/v1/runs/{run.public_id}",
        "conversation": run.conversation.public_id if run.conversation else None,
        **reports.members(subject),
    }
    for event_type, found in findings:
        events.record(
            account_id=run.account_id,
            event_type=event_type,
            data={**common, **found},
            conversation_id=run.conversation_id,
            run_id=run.pk,
            subject=subject,
        )


def _named(match: IntentMatch) -> dict[str, str]:
    return {"id": match.id, "name": match.name}


def _record(run: Run) -> AssistedRun | None:
    """Whose run it is, besides: its own event says so, and so do those that follow."""
    assisted: AssistedRun | None = getattr(run, "assisted", None)
    events.record(
        account_id=run.account_id,
        event_type=EVENT_TYPES[run.status],
        data=event_data(run, assisted=assisted),
        conversation_id=run.conversation_id,
        run_id=run.pk,
    )
    return assisted


def report_pause(*, run_id: int) -> None:
    """Records the event of a run that waits for an approval. A callback comes at the end. Raises as `report_end`."""
    runs = Run.objects.select_related("conversation", "active", *WHOSE).annotate(has_endpoints=has_endpoint())
    run = runs.defer("preset_text").get(pk=run_id)
    if run.has_endpoints:  # type: ignore[attr-defined]  # an annotation
        _record(run)


def with_report(*, run_ids: Sequence[int]) -> list[int]:
    """Of runs that are to end, the oldest first, those whose end anybody wants to know."""
    called_back = Exists(Task.objects.filter(run=OuterRef("pk")).exclude(callback_url=""))
    runs = Run.objects.filter(called_back | has_endpoint(), pk__in=run_ids)
    return list(runs.order_by("pk").values_list("pk", flat=True))


def try_report_end(*, run_id: int) -> None:
    """As `report_end`, for a run that ended without an answer: it ends even when the database refuses the report.

    Not for an end with an answer: when its report is refused the run fails, and that is reported
    (`finish.fail_refused`).
    """
    one_by_one.try_in_savepoint("report_end", str(run_id), lambda: report_end(run_id=run_id))


def event_data(run: Run, *, assisted: AssistedRun | None = None) -> dict[str, Any]:
    """The run with its answer. The answer to a turn that is not stored is not kept in an event either."""
    path = f"/api/v1/runs/{run.public_id}"
    has_answer = run.conversation_id is not None and bool((run.answer or {}).get("choices"))
    return {
        **resources.run(run, assisted=assisted),
        "url": path,
        "answer": answers.visible_text(run) if has_answer else None,
        "answer_url": f"{path}/stream?format=json" if has_answer else None,
        **(source_members.members(sources.of(run)) if has_answer else {}),
    }
