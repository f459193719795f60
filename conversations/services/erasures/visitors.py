"""A deleted visitor: its conversations are erased, many small ones in a transaction, and its runs forget it.

A visitor that was merged into another one has its conversations moved there; those of any other are deleted.
"""

from collections import Counter
from collections.abc import Collection

from django.db import connection
from django.db.models import Model, QuerySet

from conversations import errors
from conversations.models import (
    ActiveRun,
    AssistedRun,
    Conversation,
    Dialogue,
    Erasure,
    Event,
    Reading,
    Run,
    UsageOfConversation,
)
from conversations.services import one_by_one
from conversations.services.accounts import tallies
from conversations.services.erasures import content, reports, tombstones
from conversations.services.erasures.batch import NEWEST, ROWS, RUNS, Batch, following
from conversations.services.erasures.remains import RESTART_SECONDS
from conversations.services.knowledge import contents
from conversations.services.money import usage
from conversations.services.runs import cancel
from conversations.services.visitors import removal

WAIT_SECONDS = 0.5
STEP = "erase_dialogue"
CONVERSATIONS = 100
# Each may have a delivery for every endpoint of its account, and each of these many attempts.
EVENTS = 100
READINGS = 100
# What one transaction may erase, by what a conversation has, in the order of the columns.
_MOST: dict[str, int] = {
    "runs": RUNS,
    "messages": ROWS,
    "events": EVENTS,
    "readings": READINGS,
    "weight": contents.WEIGHT,
}
# No more rows of a long one are read than make it a long one.
_WEIGH = """
SELECT k.id,
  (SELECT count(*) FROM (SELECT FROM conversations_run WHERE conversation_id = k.id LIMIT %(runs)s) r),
  (SELECT count(*) FROM (SELECT FROM conversations_message WHERE conversation_id = k.id LIMIT %(messages)s) m),
  (SELECT count(*) FROM (SELECT FROM conversations_event WHERE conversation_id = k.id LIMIT %(events)s) e),
  read.number, read.weight
FROM unnest(%(keys)s::bigint[]) AS k(id)
CROSS JOIN LATERAL (
  SELECT count(*) AS number, COALESCE(sum(t.weight), 0) AS weight FROM (
    SELECT c.weight FROM conversations_reading r JOIN conversations_content c ON c.id = r.content_id
    WHERE r.conversation_id = k.id LIMIT %(readings)s
  ) t
) read
"""


def count(erasure: Erasure) -> Batch:
    """How far there is to go: each of its conversations, and each of its runs."""
    erasure.runs_total = _own(Dialogue, erasure).count() + _own(AssistedRun, erasure).count()
    return Batch()


def erase_dialogues(erasure: Erasure) -> Batch:
    """Moved a thousand at a time. Deleted so many as one transaction may: turns wait for what it locks.

    What cannot go with others goes by itself: a conversation that is long, or goes on. One that is refused is passed
    over: the last step comes back to it.
    """
    visitor, target = removal.lock_tombstone(erasure.subject_key)
    if visitor is None:
        return Batch()
    if target is not None:
        keys = _next(Dialogue, erasure)
        return Batch(cursor=following(keys), erased={"dialogue": _moved(Dialogue, keys, target)}, runs=len(keys))
    keys = _next(Dialogue, erasure, most=CONVERSATIONS)
    if not keys:
        return Batch()
    return _erase_together(erasure, keys) or _erase_alone(keys[0], requested_by=erasure.requested_by)


def _erase_together(erasure: Erasure, keys: list[int]) -> Batch | None:
    """The first of them, as many as one transaction may erase; None where the first has to go alone."""
    # Before any conversation: whoever counts usage has this lock when it looks at them.
    with usage.locked():
        small = _small(erasure, keys)
        if not small:
            return None
        erased: Counter[str] = Counter()
        one_by_one.bulk_or_halves(STEP, small, lambda some: erased.update(_erase(some)))
        # Last: turns of the account wait for its row.
        tallies.subtract_conversations(account_id=erasure.account_id, number=erased["conversation"])
    done = erased["conversation"] + erased["assistedrun"]
    return Batch(cursor=small[-1], erased=erased, runs=done, is_alone=True)


def _small(erasure: Erasure, keys: list[int]) -> list[int]:
    """The first of the keys, locked. One that somebody else has locked is left for `_erase_alone`, which waits."""
    rows = Conversation.objects.filter(pk__in=keys, deleted_at=None).order_by("pk")
    locked = set(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
    locked.difference_update(ActiveRun.objects.filter(conversation__in=locked).values_list("conversation", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_WEIGH, {"keys": keys, **_MOST})
        counts = {key: of_one for key, *of_one in cursor.fetchall()}
    small: list[int] = []
    total = 0.0
    for key in keys:
        total += max(float(n) / most for n, most in zip(counts[key], _MOST.values(), strict=True))
        if key not in locked or total >= 1:
            break
        small.append(key)
    return small


def _erase(conversation_ids: Collection[int]) -> Counter[str]:
    runs = list(Run.objects.filter(conversation__in=conversation_ids).values_list("pk", flat=True))
    readings = Reading.objects.filter(conversation__in=conversation_ids)
    read = list(readings.values_list("content", flat=True))
    erased = Counter({"conversation": len(conversation_ids), "dialogue": tombstones.bury(conversation_ids)})
    erased.update(reports.empty(Event.objects.filter(conversation__in=conversation_ids)))
    erased.update(content.erase_few(runs))
    erased.update({"reading": readings.delete()[0], "content": contents.delete_unread(read)})
    used = UsageOfConversation.objects.filter(conversation__in=conversation_ids)
    erased["usageofconversation"] += used.delete()[0]
    return erased


def _erase_alone(key: int, *, requested_by: str) -> Batch:
    done: list[Batch] = []
    one_by_one.try_in_savepoint(STEP, str(key), lambda: done.append(_delete_dialogue(key, requested_by=requested_by)))
    return done[0] if done else Batch(cursor=key, is_alone=True)


def _delete_dialogue(key: int, *, requested_by: str) -> Batch:
    """Its runs are stopped, one a transaction. The same one once more until they have ended."""
    conversation = Conversation.objects.get(pk=key)
    active = conversation.active_runs.filter(cancel_requested_at=None).with_runs().first()
    if active is not None:
        cancel.cancel_run(active.run)
        return Batch(cursor=key + 1, is_alone=True)
    try:
        tombstones.bury_conversation(conversation_id=key, requested_by=requested_by)
    except errors.ConversationBusy:
        return Batch(cursor=key + 1, wait_seconds=WAIT_SECONDS)
    # One that was a tombstone before has lost its row already.
    Dialogue.objects.filter(pk=key).delete()
    return Batch(cursor=key, erased={"conversation": 1, "dialogue": 1}, runs=1, is_alone=True)


def erase_assisted_runs(erasure: Erasure) -> Batch:
    """Those in conversations of others too. They stay as evidence of what an assistant was asked."""
    visitor, target = removal.lock_tombstone(erasure.subject_key)
    if visitor is None:
        return Batch()
    keys = _next(AssistedRun, erasure)
    erased = {"assistedrun": _moved(AssistedRun, keys, target)}
    return Batch(cursor=following(keys), erased=erased, runs=len(keys))


def _own(model: type[Dialogue] | type[AssistedRun], erasure: Erasure) -> QuerySet[Dialogue] | QuerySet[AssistedRun]:
    # As two comparisons, so that it is answered by the visitor's part of an index: see queries/keyset.py.
    visitor = erasure.subject_key
    return model.objects.filter(visitor__gte=visitor, visitor__lte=visitor)


def _next(model: type[Dialogue] | type[AssistedRun], erasure: Erasure, *, most: int = ROWS) -> list[int]:
    """The next keys of what is the visitor's, newest first."""
    until = NEWEST if erasure.cursor is None else erasure.cursor
    own = _own(model, erasure).filter(pk__lt=until)
    return list(own.order_by("visitor", "-pk").values_list("pk", flat=True)[:most])


def _moved(model: type[Model], keys: list[int], target: int | None) -> int:
    rows: QuerySet[Model] = model._default_manager.filter(pk__in=keys)
    return rows.update(visitor=target)


def erase_visitor(erasure: Erasure) -> Batch:
    """Last: nothing points at it any more. Where something does the erasure begins anew."""
    found = {
        "dialogue": _own(Dialogue, erasure)[:ROWS].count(),
        "assistedrun": _own(AssistedRun, erasure)[:ROWS].count(),
    }
    erasure.left = found
    if any(found.values()):
        return Batch(restarts=True, wait_seconds=RESTART_SECONDS)
    return Batch(erased={"visitor": tallies.delete_visitor(visitor_id=erasure.subject_key)})
