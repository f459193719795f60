"""Who is told what happens to runs: endpoints of events, and the asker's callback of the whole answer.

Each function belongs into the transaction of what it reports, as its last step.
"""

from typing import Any

from conversations import resources
from conversations.dialects.api import tasks
from conversations.models import Conversation, Run, Task
from conversations.queries import tasks as task_queries
from conversations.services import one_by_one
from conversations.services.webhooks import deliveries, events
from conversations.values.runs import RunStatus
from conversations.webhooks.payloads import EventType

TYPES = {
    RunStatus.COMPLETED: EventType.RUN_COMPLETED,
    # What our limits cut short ends normally with the text there is.
    RunStatus.INCOMPLETE: EventType.RUN_COMPLETED,
    RunStatus.FAILED: EventType.RUN_FAILED,
    RunStatus.CANCELLED: EventType.RUN_CANCELLED,
}


def report_conversation(*, conversation_id: int) -> None:
    conversation = Conversation.objects.get(pk=conversation_id)
    events.record(
        account_id=conversation.account_id,
        event_type=EventType.CONVERSATION_CREATED,
        data=resources.conversation(conversation),
        conversation_id=conversation.pk,
    )


def report_end(*, run_id: int) -> None:
    """A callback that cannot be delivered never changes the run."""
    run = Run.objects.select_related("conversation").defer("preset_text").get(pk=run_id)
    url = Task.objects.filter(run=run).values_list("callback_url", flat=True).first()
    if url:
        body = tasks.callback(task_queries.of_run(run_id=run.pk))
        deliveries.create_for_callback(
            account_id=run.account_id, run_id=run.pk, is_stored=run.conversation_id is not None, url=url, body=body
        )
    if events.are_kept(account_id=run.account_id):
        events.record(
            account_id=run.account_id,
            event_type=TYPES[RunStatus(run.status)],
            data=_event_data(run),
            conversation_id=run.conversation_id,
            run_id=run.pk,
        )


def report_bare_end(*, run_id: int) -> None:
    """As `report_end`, of a run that ended without an answer: what cannot be reported ends all the same.

    An end with an answer is not reported so: there the run itself fails, and that is told (`run_ends.end_refused`).
    """
    one_by_one.if_possible("report_end", str(run_id), lambda: report_end(run_id=run_id))


def _event_data(run: Run) -> dict[str, Any]:
    """The run with its answer; of a turn that nothing stores nothing of the answer is kept in an event either."""
    path = f"/api/v1/runs/{run.public_id}"
    is_told = run.conversation_id is not None and run.answer is not None
    return {
        **resources.run(run),
        "url": path,
        "answer": task_queries.visible_text(run) if is_told else None,
        "answer_url": f"{path}/stream?format=json" if is_told else None,
    }
