"""The next batch of an erasure, in one short transaction: killed at any point, it goes on behind the last batch.

The erasure's row is locked meanwhile, and others skip it. So any number of processes may advance erasures.
"""

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from conversations.models import Erasure
from conversations.services import one_by_one
from conversations.services.erasures.batch import ROWS, Batch
from conversations.services.erasures.subjects import STEPS
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import refusals

# After a batch that failed: what it met may be gone by then.
AWAY_SECONDS, REFUSED_SECONDS = 2.0, 60.0


def are_due() -> bool:
    return Erasure.objects.filter(finished_at=None, due_at__lte=Now()).exists()


def advance(*, erasure_pk: int | None = None, most: int = ROWS) -> int | None:
    """One batch of the erasure that has waited longest, or of this one; how many rows it erased or looked at.

    It ends after about `most` of them. None when no erasure is due that nobody else advances. A batch that fails is
    logged, noted on its erasure and tried again later: 0. Raises the error of a database that is away.
    """
    picked: list[Erasure] = []
    try:
        return _advance(picked, erasure_pk, most)
    except Exception as exc:
        if not picked:
            raise
        _note_failure(picked[-1], exc)
        return 0


@retry_on_deadlock
def _advance(picked: list[Erasure], erasure_pk: int | None, most: int) -> int | None:
    due = Erasure.objects.filter(finished_at=None, due_at__lte=Now())
    if erasure_pk is not None:
        due = due.filter(pk=erasure_pk)
    with transaction.atomic():
        erasure = due.select_for_update(skip_locked=True, no_key=True).order_by("due_at").first()
        if erasure is None:
            return None
        picked.append(erasure)
        size, wait_seconds = _work(erasure, most)
        _save(erasure, wait_seconds)
    one_by_one.known_failures.resolve(("erase", erasure.public_id))
    return size


def _work(erasure: Erasure, most: int) -> tuple[int, float]:
    """Goes through the steps for so many rows; how many they were, and how long the next batch has to wait."""
    steps, size = STEPS[erasure.subject], 0
    while True:
        name = erasure.step if erasure.step in steps else next(iter(steps))
        batch = steps[name](erasure)
        size += max(batch.size, 1)
        _note(erasure, name, batch, following=_following(steps, name))
        if not erasure.step or batch.wait_seconds or batch.is_alone or size >= most:
            return size, batch.wait_seconds


def _note(erasure: Erasure, name: str, batch: Batch, *, following: str) -> None:
    """Where the next batch begins. Without a step the erasure is finished."""
    for table, count in batch.erased.items():
        erasure.erased[table] = erasure.erased.get(table, 0) + count
    erasure.runs_done += batch.runs
    erasure.cursor = batch.cursor
    erasure.step = name if batch.cursor is not None else following
    if batch.restarts:
        erasure.step, erasure.runs_done = next(iter(STEPS[erasure.subject])), 0
    if not erasure.step:
        # Runs that were not stored may have been deleted by their age meanwhile.
        erasure.runs_total = erasure.runs_done


def _following(steps: Mapping[str, object], name: str) -> str:
    names = [*steps, ""]
    return names[names.index(name) + 1]


def _save(erasure: Erasure, wait_seconds: float) -> None:
    values = {name: getattr(erasure, name) for name in ("step", "cursor", "runs_total", "runs_done", "erased", "left")}
    due_at = Now() + timedelta(seconds=wait_seconds)
    finished_at = None if erasure.step else Now()
    Erasure.objects.filter(pk=erasure.pk).update(**values, error="", due_at=due_at, finished_at=finished_at)


def _note_failure(erasure: Erasure, exc: Exception) -> None:
    """Raises when the database does not even take this."""
    one_by_one.log_once("erase", erasure.public_id, exc)
    facts = refusals.facts(exc)
    error = " ".join(str(facts[name]) for name in sorted(facts))
    wait = timedelta(seconds=AWAY_SECONDS if refusals.is_away(exc) else REFUSED_SECONDS)
    Erasure.objects.filter(pk=erasure.pk).update(error=error[:200], due_at=Now() + wait)
