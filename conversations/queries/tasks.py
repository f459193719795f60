"""Tasks, as their callers poll them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from conversations import errors
from conversations.dialects import registry
from conversations.dialects.dialect import Dialect
from conversations.errors import ParleyError
from conversations.models import Conversation, Run, Task
from conversations.queries import answers, fitting, sources
from conversations.queries import runs as run_queries
from conversations.rules.runs import outcomes
from conversations.values.context.sources import NOT_SOURCED
from conversations.values.requests import Operation
from conversations.values.tasks import TaskState
from providers import serialization

# A page's `count` is exact below this, and means "this many or more" here: to count three million rows takes most of a
# second. No page reaches further (`OFFSET_MAX` in views/runs/tasks.py).
COUNT_MAX = 10_000
# Questions and answers of a page, as JSON in bytes; its last task may exceed it. A hundred usual tasks have far less,
# a hundred of the largest answers would be 1.6 GB.
PAGE_BYTES_MAX = 16_000_000
NEWEST_FIRST = ("-created_at", "-pk")
# How many tasks of one trace id are found, the newest ones. There is one, unless its caller repeats the trace id.
OF_TRACE_MAX = 100
# By hand, because the ORM has no LATERAL: so each trace id is one look-up in the index task_by_trace that stops there.
OF_TRACES = """
SELECT newest.id FROM unnest(%s::uuid[]) AS given(trace_id) CROSS JOIN LATERAL (
  SELECT t.id FROM conversations_task t WHERE t.account_id = %s AND t.trace_id = given.trace_id
  ORDER BY t.id DESC LIMIT %s
) AS newest
"""


@dataclass(frozen=True, slots=True)
class TaskPage:
    """`count`: how many there are in all, counted up to COUNT_MAX.

    `next_offset` is None unless the page ended before its limit, because of the size of its answers.
    """

    states: Sequence[TaskState]
    count: int
    next_offset: int | None


def find(*, account_id: int, task_id: str = "", trace_id: str = "") -> TaskState | None:
    """By the task's id or trace id. The id of a conversation, which its first task shares, means its newest task."""
    tasks = _tasks(account_id)
    if trace_id:
        known = _uuid(trace_id)
        task = tasks.filter(trace_id=known).order_by("-pk").first() if known else None
    else:
        task = _newest(account_id, conversation_id=task_id) or tasks.filter(public_id=task_id).first()
    return state(task) if task else None


def _newest(account_id: int, *, conversation_id: str) -> Task | None:
    """By the conversation's runs, whose index has this order. Most polled ids are no conversation's: one query then."""
    conversations = Conversation.objects.for_account(account_id).filter(public_id=conversation_id)
    pk = conversations.values_list("pk", flat=True).first()
    return _tasks(account_id).filter(run__conversation=pk).order_by("-run_id").first() if pk is not None else None


def page(
    *,
    account_id: int,
    task_ids: Sequence[str] | None,
    trace_ids: Sequence[str] | None,
    operation: str | None,
    since: datetime | None,
    until: datetime | None,
    offset: int,
    limit: int,
) -> TaskPage:
    """The newest first. None does not filter. Of each trace id the newest OF_TRACE_MAX are found."""
    tasks = Task.objects.for_account(account_id)
    if task_ids is not None:
        tasks = tasks.filter(public_id__in=task_ids)
    if trace_ids is not None:
        known = list({known for trace_id in trace_ids if (known := _uuid(trace_id))})
        tasks = tasks.filter(pk__in=RawSQL(OF_TRACES, (known, account_id, OF_TRACE_MAX)))  # noqa: S611 — a constant
    if operation is not None:
        tasks = tasks.filter(operation=operation)
    if since is not None:
        tasks = tasks.filter(created_at__gte=since)
    if until is not None:
        tasks = tasks.filter(created_at__lte=until)
    # Only their keys, by an index: the rows of skipped tasks and of their runs are not read.
    keys = list(tasks.order_by(*NEWEST_FIRST).values_list("pk", flat=True)[offset : offset + limit])
    shown = keys[: fitting.tasks(keys, bytes_max=PAGE_BYTES_MAX)]
    found = list(_tasks(account_id).filter(pk__in=shown))
    answers.load([task.run for task in found])
    sources.load([task.run for task in found])
    return TaskPage(
        states=[state(task) for task in found],
        count=tasks[:COUNT_MAX].count(),
        next_offset=offset + len(shown) if len(shown) < len(keys) else None,
    )


def of_run(*, run_id: int) -> TaskState:
    """Raises NotFound when the run is no task, or no longer."""
    task = Task.objects.select_related("run__conversation", "run__active").filter(run=run_id).first()
    if task is None:
        raise errors.NotFound("task not found")
    return state(task)


def state(task: Task) -> TaskState:
    """Raises LookupError when no family has the run's dialect."""
    run = task.run
    request = run.request or {}
    status, dialect = run.status, registry.get(run.dialect)
    outcome = _outcome(run, request, dialect) if status.is_terminal else None
    return TaskState(
        task_id=task.public_id,
        run_id=run.public_id,
        trace_id=str(run.trace_id),
        conversation_id=run.conversation.public_id if run.conversation else request.get("conversation_id", ""),
        is_stored=run.conversation is not None,
        model=run.model,
        status=status,
        operation=Operation(request.get("operation", Operation.CHAT)),
        text=answers.visible_text(run),
        usage=serialization.load_usage(run.usage) if run.usage else None,
        error=outcome if isinstance(outcome, ParleyError) else None,
        has_document=dialect.has_document,
        document=outcome if isinstance(outcome, bytes) else None,
        sourced=sources.of(run) if status.is_terminal else NOT_SOURCED,
        created_at=run.created_at,
        started_at=run.progress.claimed_at,
        finished_at=run.finished_at,
    )


def _outcome(run: Run, request: Mapping[str, Any], dialect: Dialect) -> bytes | ParleyError | None:
    """The error of an ended run, or its answer in the form of its family where that is a document.

    None where the answer is only a text, and where the answer was erased since.
    """
    if dialect.has_document and run.request is not None:
        return dialect.replay(run_queries.reply_context(run, request=request), run_queries.stored_events(run))
    return outcomes.failure(run_queries.ended(run), has_text=bool(answers.visible_text(run)))


def _tasks(account_id: int) -> QuerySet[Task]:
    """None of a conversation that was deleted: its tasks may still be waiting to be erased."""
    tasks = Task.objects.for_account(account_id).filter(run__conversation__deleted_at=None)
    tasks = tasks.select_related("run__conversation", "run__active").defer("run__preset_text")
    return tasks.order_by(*NEWEST_FIRST)


def _uuid(text: str) -> uuid.UUID | None:
    """None for what is none. Python reads forms of one that PostgreSQL refuses, so no caller's text is sent to it."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
