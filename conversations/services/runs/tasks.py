"""Tasks: runs whose callers do not wait, each with the id under which it is polled."""

import uuid
from datetime import timedelta

from django.db import IntegrityError, transaction

from conversations.models import Run, Task
from conversations.services.webhooks import secrets
from conversations.values.requests import NewTask, RunRequest

# How long the task of a run that is not stored can be polled.
TASK_LIFETIME = timedelta(hours=24)


def create(new: NewTask, request: RunRequest, *, account_id: int, run_id: int, trace_id: uuid.UUID) -> None:
    """In the transaction that accepts the run."""
    if new.callback_url:
        secrets.callback_secret(account_id=account_id)
    task = Task(
        account_id=account_id,
        run_id=run_id,
        trace_id=trace_id,
        operation=request.operation.value,
        is_stored=request.is_stored,
        callback_url=new.callback_url,
    )
    if not (request.conversation_id and _is_first(run_id) and _save_as(task, request.conversation_id)):
        task.public_id = str(uuid.uuid4())
        task.save(force_insert=True)


def _is_first(run_id: int) -> bool:
    return not Run.objects.filter(conversation__runs=run_id, pk__lt=run_id).exists()


def _save_as(task: Task, conversation_id: str) -> bool:
    """The first task of a conversation has its id (docs/contract A.9). False when that is taken."""
    task.public_id = conversation_id
    try:
        with transaction.atomic():
            task.save(force_insert=True)
    except IntegrityError:
        return False
    return True
