"""Tasks: turns whose asker does not wait, accepted together with the id under which they are polled."""

import uuid
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from conversations.models import Run, Task
from conversations.services import one_by_one
from conversations.services.runs.rows import AcceptedRun
from conversations.services.transactions import retry_on_deadlock
from conversations.services.webhooks import secrets

# How long a turn that nothing stores can be polled.
TASK_LIFETIME = timedelta(hours=24)


@retry_on_deadlock
def start(*, account_id: int, callback_url: str, start: Callable[[], AcceptedRun]) -> AcceptedRun:
    """The run that `start` begins, as a task. Raises what `start` raises; then nothing was written."""
    with transaction.atomic():
        run = start()
        if callback_url:
            secrets.callback_secret(account_id=account_id)
        _create(account_id, run, callback_url)
    return run


def _create(account_id: int, run: AcceptedRun, callback_url: str) -> None:
    """Under the conversation's id while that is free: on its first turn (docs/contract A.9)."""
    is_first = bool(run.conversation_id) and not Run.objects.filter(conversation__runs=run.pk, pk__lt=run.pk).exists()
    task = Task(account_id=account_id, run_id=run.pk, is_stored=run.is_stored, callback_url=callback_url)
    if is_first:
        try:
            with transaction.atomic():
                task.public_id = run.conversation_id
                task.save(force_insert=True)
        except IntegrityError:
            is_first = False
    if not is_first:
        task.public_id = str(uuid.uuid4())
        task.save(force_insert=True)


def expire(*, limit: int) -> None:
    """Forgets tasks of turns that nothing stores, the oldest first; what they kept can then be erased."""
    old = Task.objects.filter(created_at__lt=Now() - TASK_LIFETIME, is_stored=False).order_by("created_at")
    pks = list(old.values_list("pk", flat=True)[:limit])
    one_by_one.in_one("expire_tasks", pks, lambda some: Task.objects.filter(pk__in=some).delete())
