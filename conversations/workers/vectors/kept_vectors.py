"""The vectors of the indexes that were searched last, in this process: where the database cannot compare vectors."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from conversations.embeddings import Vector
from conversations.models import PassageIndex
from conversations.stores import statements

# Of all that are kept, and so of one index: the vectors of 170,000 passages with 384 numbers each. More would take
# longer to read than a search waits.
CACHE_BYTES = 256 * 1024 * 1024
READ_AT_ONCE = 5_000
# One that has changed is read again once its age is so many times what reading it took: while a large index gets its
# vectors, a batch after the other, not every search reads all of it.
READING_SHARE = 10
# What takes less is always read again.
READ_SECONDS = 0.05

_READ = """
SELECT passage_id, numbers FROM conversations_passagevector
WHERE account_id = %(account)s AND index_id = %(index)s AND passage_id > %(after)s AND numbers IS NOT NULL
ORDER BY passage_id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """The vectors of an index, as they were at `state`. `numbers` has a row for each of `passage_ids`."""

    state: tuple[int, ...]
    passage_ids: Any
    numbers: Any
    reading_seconds: float
    read_at: float

    @property
    def size(self) -> int:
        return int(self.numbers.nbytes + self.passage_ids.nbytes)

    def nearest(self, vector: Vector, *, most: int, step: int) -> tuple[list[tuple[float, int]], list[float]]:
        """Similarities with the keys of their passages; and every so many of all similarities."""
        import numpy  # noqa: PLC0415 — of an extra; only this worker needs it

        scores = self.numbers @ numpy.frombuffer(vector.packed, "<f4")
        # Sorting all of 170,000 takes longer than comparing them.
        best = numpy.argpartition(-scores, most)[:most] if len(scores) > most else numpy.arange(len(scores))
        return [(float(scores[at]), int(self.passage_ids[at])) for at in best], scores[::step].tolist()

    def is_good_for(self, state: tuple[int, ...]) -> bool:
        if self.state == state:
            return True
        age = time.monotonic() - self.read_at
        return self.reading_seconds > READ_SECONDS and age < self.reading_seconds * READING_SHARE


_lock = threading.Lock()
_reading = threading.Lock()
_kept: OrderedDict[int, Kept] = OrderedDict()


def is_readable(index: PassageIndex) -> bool:
    return index.vectors * ((index.dimensions or 0) * 4 + 8) <= CACHE_BYTES


def of(index: PassageIndex) -> Kept:
    """For any thread. Of one that is readable."""
    state = (index.passages, index.words, index.last_passage, index.vectors, index.vectors_to)
    if (kept := _look_up(index.pk, state)) is not None:
        return kept
    # One at a time: what is being read is not counted.
    with _reading:
        if (kept := _look_up(index.pk, state)) is None:
            kept = _read(index, state)
            _keep(index.pk, kept)
    return kept


def _look_up(key: int, state: tuple[int, ...]) -> Kept | None:
    with _lock:
        kept = _kept.get(key)
        if kept is None or not kept.is_good_for(state):
            return None
        _kept.move_to_end(key)
        return kept


def _keep(key: int, kept: Kept) -> None:
    with _lock:
        _kept[key] = kept
        _kept.move_to_end(key)
        while len(_kept) > 1 and sum(one.size for one in _kept.values()) > CACHE_BYTES:
            _kept.popitem(last=False)


def _read(index: PassageIndex, state: tuple[int, ...]) -> Kept:
    """No more of them than the index had when it was looked at: its vectors may become more meanwhile."""
    import numpy  # noqa: PLC0415 — as above

    began = time.monotonic()
    numbers = numpy.empty((index.vectors, index.dimensions or 0), dtype="<f4")
    keys: list[int] = []
    about = {"account": index.account_id, "index": index.pk}
    while len(keys) < index.vectors:
        most = min(READ_AT_ONCE, index.vectors - len(keys))
        rows = statements.fetch_all(_READ, {**about, "after": keys[-1] if keys else 0, "most": most})
        if not rows:
            break
        for row in rows:
            numbers[len(keys)] = numpy.frombuffer(row["numbers"], "<f4")
            keys.append(row["passage_id"])
    ended = time.monotonic()
    return Kept(state, numpy.array(keys, dtype="i8"), numbers[: len(keys)], ended - began, ended)
