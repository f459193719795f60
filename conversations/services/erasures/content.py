"""The content of a subject's runs: messages, what was read, tasks, callbacks, request and answer, logs in Redis."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from conversations.models import (
    AssistedRun,
    Content,
    Delivery,
    DeliveryAttempt,
    Erasure,
    Reading,
    Reference,
    Run,
    RunStep,
    Task,
    ToolCall,
)
from conversations.relay import publish
from conversations.services.erasures.batch import ROWS, RUNS, Batch, following, next_keys
from conversations.services.knowledge import contents
from conversations.services.webhooks import deliveries
from conversations.stores import redis_clients

# A content may be megabytes.
CONTENTS = 100
Runs = Callable[[Erasure], QuerySet[Run]]

# A message that follows one of the batch and is not in it loses its parent first. With the newest first there are few:
# a question that waited for its turn is older than the answer it follows.
_DELETE_MESSAGES = """
WITH gone AS MATERIALIZED (
  SELECT id, conversation_id FROM conversations_message WHERE run_id = ANY(%(runs)s) ORDER BY id DESC LIMIT %(most)s
), kept AS MATERIALIZED (
  SELECT m.id FROM gone
  JOIN conversations_message m ON m.conversation_id = gone.conversation_id AND m.parent_id = gone.id
  WHERE NOT EXISTS (SELECT 1 FROM gone also WHERE also.id = m.id)
), severed AS (
  UPDATE conversations_message m SET parent_id = NULL FROM kept WHERE m.id = kept.id
)
DELETE FROM conversations_message m USING gone WHERE m.id = gone.id
"""
# What a run keeps as evidence: when it was, by which model, what it used and how it ended.
_WITHOUT_CONTENT: dict[str, Any] = {
    "request": None,
    "answer": None,
    "preset": None,
    "preset_text": None,
    # A vendor's message may quote what it was asked.
    "error_message": "",
    "error_facts": None,
}


def of_conversation(erasure: Erasure) -> QuerySet[Run]:
    """By the conversation alone: so the planner has one index to choose. A composite key keeps it in its account."""
    return Run.objects.filter(conversation=erasure.subject_key)


def of_account(erasure: Erasure) -> QuerySet[Run]:
    return Run.objects.for_account(erasure.account_id)


def count_runs(erasure: Erasure, *, runs: Runs, passes: int) -> Batch:
    """How far there is to go: so many times through all runs."""
    erasure.runs_total = runs(erasure).count() * passes
    return Batch()


def erase_messages(erasure: Erasure, *, runs: Runs) -> Batch:
    """Stays at the same runs while they have more messages than a batch may take: one run may have thousands."""
    keys = next_keys(runs(erasure), erasure, most=RUNS)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_MESSAGES, {"runs": keys, "most": ROWS})
        deleted = cursor.rowcount
    return _passed(keys, {"message": deleted}, is_full=deleted == ROWS)


def erase_turns(erasure: Erasure, *, runs: Runs) -> Batch:
    """Everything else that a run has."""
    rows = runs(erasure)
    keys = next_keys(rows, erasure, most=RUNS)
    erased, is_full = _delete_rows_of_turns(keys)
    if not is_full:
        erased |= _empty_turns(keys, stays_assisted=erasure.subject != Erasure.Subject.ACCOUNT)
    return _passed(keys, erased, is_full=is_full)


def erase_few(keys: list[int]) -> dict[str, int]:
    """All of so few runs that one transaction may do it; the caller has looked at their messages."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_MESSAGES, {"runs": keys, "most": None})
        erased = Counter({"message": cursor.rowcount})
    is_full = True
    while is_full:
        deleted, is_full = _delete_rows_of_turns(keys)
        erased.update(deleted)
    return erased + Counter(_empty_turns(keys, stays_assisted=True))


def _delete_rows_of_turns(keys: list[int]) -> tuple[dict[str, int], bool]:
    """And whether there may be more of them than a batch deletes."""
    references = list(Reference.objects.filter(run__in=keys).values_list("pk", flat=True)[:ROWS])
    calls = list(ToolCall.objects.filter(run__in=keys).values_list("pk", flat=True)[:ROWS])
    erased = {
        "reference": Reference.objects.filter(pk__in=references).delete()[0],
        "toolcall": ToolCall.objects.filter(pk__in=calls).delete()[0],
    }
    return erased, ROWS in (len(references), len(calls))


def _empty_turns(keys: list[int], *, stays_assisted: bool) -> dict[str, int]:
    own = Run.objects.filter(pk__in=keys)
    erased = {
        "run": own.update(**_WITHOUT_CONTENT),
        "delivery": _erase_callbacks(keys),
        # A run has a few of them, and far more calls.
        "runstep": RunStep.objects.filter(run__in=keys).delete()[0],
        "task": Task.objects.filter(run__in=keys).delete()[0],
        "assistedrun": _erase_assisted(keys, stays=stays_assisted),
    }
    _erase_logs(own)
    return erased


def _erase_assisted(keys: Sequence[int], *, stays: bool) -> int:
    """Which assistant was asked stays as evidence while there is an account that asks what it cost; who asked goes."""
    assisted = AssistedRun.objects.filter(run__in=keys)
    if not stays:
        return assisted.delete()[0]
    return assisted.exclude(visitor=None).update(visitor=None)


def _passed(keys: list[int], erased: dict[str, int], *, is_full: bool) -> Batch:
    """On to the next runs, unless these have more rows than one batch may take."""
    if is_full:
        # The first of these keys once more: the cursor is exclusive.
        return Batch(cursor=keys[0] + 1, erased=erased)
    return Batch(cursor=following(keys, most=RUNS), erased=erased, runs=len(keys))


def _erase_callbacks(run_ids: Sequence[int]) -> int:
    callbacks = Delivery.objects.filter(run__in=run_ids, kind=Delivery.Kind.CALLBACK.value)
    emptied = empty_deliveries(list(callbacks.values_list("pk", flat=True)))
    # Its caller made the URL: it may hold names and keys. What stays is the server.
    callbacks.update(url=F("destination"))
    return emptied


def empty_deliveries(keys: Sequence[int]) -> int:
    """What is pending is cancelled. Bodies go, and so do responses: a receiver may answer with what it was sent."""
    deliveries.lock(Delivery.objects.filter(pk__in=keys))
    deliveries.cancel(Delivery.objects.filter(pk__in=keys, status=Delivery.Status.PENDING.value))
    DeliveryAttempt.objects.filter(delivery__in=keys).exclude(response="").update(response="")
    return Delivery.objects.filter(pk__in=keys).update(body=None)


def _erase_logs(runs: QuerySet[Run]) -> None:
    """Of runs whose log in Redis may not have expired yet. What Redis does not do now, it does when they expire."""
    since = Now() - timedelta(seconds=settings.RUN_LOG_SECONDS)
    recent = list(runs.filter(attempt__gt=0, finished_at__gte=since).values_list("public_id", "attempt"))
    if recent:
        transaction.on_commit(partial(publish.erase, redis_clients.hurried(), runs=recent))


def erase_readings(erasure: Erasure) -> Batch:
    """What it has read, and then what no other conversation of its account has."""
    readings = Reading.objects.for_account(erasure.account_id).filter(conversation=erasure.subject_key)
    found = next_keys(readings, erasure, most=CONTENTS)
    columns = Reading.objects.filter(pk__in=found).order_by("-pk").values_list("pk", "content__weight", "content")
    weighed = list(columns)
    keys = contents.up_to_weight([(pk, weight) for pk, weight, _ in weighed])
    erased = {"reading": Reading.objects.filter(pk__in=keys).delete()[0]}
    erased["content"] = contents.delete_unread([content for _, _, content in weighed[: len(keys)]])
    return Batch(cursor=following(found, most=CONTENTS) if len(keys) == len(weighed) else keys[-1], erased=erased)


def delete_contents(erasure: Erasure) -> Batch:
    """With the readings that point at them: each reading has a content. Nobody else deletes these any more."""
    keys = next_keys(Content.objects.for_account(erasure.account_id), erasure, most=CONTENTS)
    readings, gone = contents.delete_some(keys)
    # The same ones once more while any is left.
    cursor = following(keys, most=CONTENTS) if gone == len(keys) else keys[0] + 1
    return Batch(cursor=cursor, erased={"reading": readings, "content": gone})
