"""Makes the vectors of passages that have none, a batch of one index after the other.

Accounts take turns, and the indexes of one account too. Whoever takes an index has it for a minute; if that worker
dies, another one takes it then. A model that fails is asked again, less and less often; a passage that it refuses is
set aside, so that the others get theirs.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import structlog
from django.db import connection, transaction

from conversations import embeddings, errors
from conversations.embeddings import EmbeddingFailed, Vector
from conversations.models.knowledge.passages import REFUSAL_MAX_CHARS
from conversations.services import one_by_one
from conversations.stores import refusals, statements
from conversations.stores.nearest_passages import LOCAL_MODEL, Kind
from conversations.workers.vectors import asking, charges, nearest
from conversations.workers.vectors.asking import Asked
from conversations.workers.vectors.charges import Charges

log = structlog.get_logger(__name__)

TAKEN_SECONDS = 60
# 5 s after the first failure, twice as long after each further one.
FAILURE_SECONDS, FAILURE_SECONDS_MAX = 5, 3_600
# No vendor is asked for an account that cannot pay, so looking at its balance again is cheap.
UNPAID_SECONDS_MAX = 60

# How many accounts are compared, of those that wait.
ACCOUNTS_LOOKED_AT = 1_000
# The database refused a vector, or something of ours broke.
BROKE = "internal_error"

_EMBEDDING = "(CASE b.generation WHEN i.generation THEN b.embedding ELSE b.next_embedding END)"
_WAITING = f"""
conversations_passageindex i JOIN conversations_knowledgebase b ON b.account_id = i.account_id AND b.id = i.base_id
WHERE i.vectors_at <= now() AND ({_EMBEDDING} = '{LOCAL_MODEL}') = %(is_local)s
"""
_ACCOUNTS = f"SELECT i.account_id AS account FROM {_WAITING} GROUP BY 1 ORDER BY min(i.vectors_at) LIMIT %(accounts)s"  # noqa: S608 — put together of constants
_TAKE = f"""
WITH next AS (
  SELECT i.id, {_EMBEDDING} AS embedding FROM {_WAITING} AND i.account_id = %(account)s
  ORDER BY i.vectors_at LIMIT 1 FOR UPDATE OF i SKIP LOCKED
)
UPDATE conversations_passageindex i SET vectors_at = now() + make_interval(secs => %(seconds)s)
FROM next WHERE i.id = next.id
RETURNING i.account_id AS account, i.id AS index, i.vectors_to, i.dimensions, i.vectors_failures AS failures,
  next.embedding
"""  # noqa: S608 — as above
_LACKING = """
SELECT p.id, p.text FROM conversations_storedpassage p
WHERE p.account_id = %(account)s AND p.index_id = %(index)s AND p.id > %(vectors_to)s AND NOT EXISTS (
  SELECT FROM conversations_passagevector v WHERE v.account_id = p.account_id AND v.passage_id = p.id
)
ORDER BY p.id LIMIT %(most)s
"""
_LOCK = """
SELECT vectors_to, dimensions FROM conversations_passageindex
WHERE account_id = %(account)s AND id = %(index)s FOR UPDATE
"""
_INSERT = """
INSERT INTO conversations_passagevector (account_id, index_id, passage_id, numbers, refusal)
SELECT p.account_id, p.index_id, p.id, %(numbers)s::{type}, %(refusal)s FROM conversations_storedpassage p
WHERE p.account_id = %(account)s AND p.index_id = %(index)s AND p.id = %(passage)s
ON CONFLICT (passage_id) DO NOTHING
RETURNING 1 AS made
"""
_NOTE_MADE = """
UPDATE conversations_passageindex SET vectors = vectors + %(made)s, refused = refused + %(refused)s,
  vectors_to = %(vectors_to)s, dimensions = %(dimensions)s, vectors_failures = 0, vectors_error = '', vectors_at = now()
WHERE account_id = %(account)s AND id = %(index)s
"""
# Unless something was added meanwhile.
_NOTE_DONE = """
UPDATE conversations_passageindex SET vectors_at = CASE WHEN vectors_to = %(vectors_to)s THEN NULL ELSE now() END
WHERE account_id = %(account)s AND id = %(index)s
"""
_NOTE_FAILED = """
UPDATE conversations_passageindex SET vectors_failures = vectors_failures + 1, vectors_error = %(code)s,
  vectors_at = now() + make_interval(secs => %(seconds)s)
WHERE account_id = %(account)s AND id = %(index)s
"""

Taken = Mapping[str, Any]


class _Turns:
    """When each account last had a batch, as far as this process knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[int, float] = {}

    def next(self, waiting: Sequence[int]) -> int:
        """The one that had its last turn longest ago; of those that had none, the first."""
        with self._lock:
            self._last = {account: self._last[account] for account in waiting if account in self._last}
            chosen = min(waiting, key=lambda account: self._last.get(account, 0.0))
            self._last[chosen] = time.monotonic()
            return chosen


_turns = {kind: _Turns() for kind in Kind}


def make_batch(kind: Kind) -> bool:
    """Whether there was an index to do something for, of those whose model is of this kind."""
    taken = _take(kind)
    if taken is None:
        return False
    try:
        _make(taken)
    except EmbeddingFailed as exc:
        _note_failed(taken, exc.code)
    except Exception as exc:
        if refusals.is_away(exc):
            raise
        # Otherwise it would be made again every minute for ever, and its owner would not know.
        one_by_one.log_once("make_vectors", str(taken["index"]), exc)
        _note_failed(taken, BROKE)
    return True


def _take(kind: Kind) -> Taken | None:
    about = {"is_local": kind is Kind.LOCAL, "accounts": ACCOUNTS_LOOKED_AT, "seconds": TAKEN_SECONDS}
    waiting = [row["account"] for row in statements.fetch_all(_ACCOUNTS, about)]
    if not waiting:
        return None
    return statements.fetch_one_or_none(_TAKE, {**about, "account": _turns[kind].next(waiting)})


def _make(taken: Taken) -> None:
    model = embeddings.of(taken["embedding"]) if taken["embedding"] else None
    lacking = statements.fetch_all(_LACKING, {**taken, "most": model.batch}) if model else []
    if model is None or not lacking:
        statements.execute(_NOTE_DONE, taken)
        return
    texts = [row["text"] for row in lacking]
    payer = charges.before(taken, texts)
    # None is held while the model is asked.
    if not connection.in_atomic_block:
        connection.close()
    asked = asking.ask(model, texts, failures=taken["failures"], priced_alone=payer is not None and payer.pays)
    _keep(taken, lacking, asked, charges.of(taken, payer, asked))


def _note_failed(taken: Taken, code: str) -> None:
    most = UNPAID_SECONDS_MAX if code == errors.BalanceUsedUp.code else FAILURE_SECONDS_MAX
    seconds = min(most, FAILURE_SECONDS * 2 ** min(taken["failures"], 20))
    statements.execute(_NOTE_FAILED, {**taken, "code": code, "seconds": seconds})
    log.warning("passages_have_no_vectors", index=taken["index"], embedding=taken["embedding"], code=code)


def _keep(taken: Taken, lacking: Sequence[Mapping[str, Any]], asked: Asked, charged: Charges | None) -> None:
    """Those of the passages that are still there. Raises EmbeddingFailed when the model has changed meanwhile.

    What is not kept, because its passage is gone or another worker was faster, is not charged.
    """
    passage_ids = [row["id"] for row in lacking]
    with transaction.atomic():
        # As whoever adds or removes passages: none goes while its vector is inserted.
        locked = statements.fetch_one_or_none(_LOCK, taken)
        if locked is None:
            return
        found = {vector.dimensions for vector in asked.vectors.values()}
        dimensions = locked["dimensions"] or next(iter(found), None)
        if found - {dimensions}:
            raise EmbeddingFailed("other_dimensions")
        kept = {place for place, vector in asked.vectors.items() if _insert(taken, passage_ids[place], vector)}
        about = {
            **taken,
            "made": len(kept),
            "refused": sum(_set_aside(taken, passage_ids[place], code) for place, code in asked.refusals.items()),
            "dimensions": dimensions,
        }
        if asked.refusals:
            codes = sorted(set(asked.refusals.values()))
            log.warning("passages_set_aside", index=taken["index"], number=len(asked.refusals), codes=codes)
        # Otherwise passages were added whose keys are older than these.
        is_next = locked["vectors_to"] == taken["vectors_to"]
        done = _first_ones(passage_ids, asked) if is_next else []
        statements.execute(_NOTE_MADE, {**about, "vectors_to": done[-1] if done else locked["vectors_to"]})
        if charged is not None:
            charged.record(kept, lengths=[len(row["text"]) for row in lacking])


def _first_ones(passage_ids: Sequence[int], asked: Asked) -> list[int]:
    """Those up to the first one of which nothing is known."""
    return [
        passage_id
        for _, passage_id in takewhile(
            lambda item: item[0] in asked.vectors or item[0] in asked.refusals, enumerate(passage_ids)
        )
    ]


def _insert(taken: Taken, passage_id: int, vector: Vector) -> bool:
    numbers = vector.text if nearest.has_pgvector() else vector.packed
    return _insert_row(taken, passage_id, numbers=numbers, refusal="")


def _set_aside(taken: Taken, passage_id: int, code: str) -> bool:
    """It is not asked for again, unless the base is indexed anew."""
    return _insert_row(taken, passage_id, numbers=None, refusal=code[:REFUSAL_MAX_CHARS])


def _insert_row(taken: Taken, passage_id: int, *, numbers: str | bytes | None, refusal: str) -> bool:
    sql = _INSERT.format(type="vector" if nearest.has_pgvector() else "bytea")
    about = {**taken, "passage": passage_id, "numbers": numbers, "refusal": refusal}
    return statements.fetch_one_or_none(sql, about) is not None
