"""The messages before a turn, oldest first: what the claim read along, what this process still knows, or the rest.

Messages never change, so what lies behind a head is the same for ever and need not be read, parsed and weighed anew
every turn. Whatever comes to erase the text of single messages must have CLAIM tell of it, and `HistoryCache.get` ask.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from threading import Lock
from typing import Any

import orjson

from conversations.rules.conversations import tool_pairs
from conversations.rules.conversations.context_window import HistoryItem
from conversations.services.runs import sql
from conversations.services.runs.claim import ClaimedRun
from providers import serialization
from providers.messages import Message, Role

CACHE_BYTES = 64 * 1024 * 1024
# How long a process may know what was deleted meanwhile.
KEEP_SECONDS = 900.0
# Roughly what the objects of one message take beside its text.
MESSAGE_BYTES = 600


@dataclass(frozen=True, slots=True)
class History:
    """A path of the message tree, oldest first. `rest_id` is the message before it, None when it begins at the root.

    `items` are what `rules.context_window` wants to know of the messages; `size` is roughly in bytes. `is_plain`:
    nothing in it can be out of place (`rules.tool_pairs`), which need not be found out anew every turn.
    """

    head_id: int | None = None
    rest_id: int | None = None
    messages: tuple[Message, ...] = ()
    items: tuple[HistoryItem, ...] = ()
    tokens: int = 0
    size: int = 0
    is_plain: bool = True

    def after(self, older: "History") -> "History":
        """Both as one path."""
        return History(
            head_id=self.head_id if self.messages else older.head_id,
            rest_id=older.rest_id,
            messages=older.messages + self.messages,
            items=older.items + self.items,
            tokens=older.tokens + self.tokens,
            size=older.size + self.size,
            is_plain=older.is_plain and self.is_plain,
        )

    @property
    def is_whole(self) -> bool:
        return self.rest_id is None


@dataclass(frozen=True, slots=True)
class _Known:
    history: History
    read_at: float


class HistoryCache:
    """The histories a process used last, by their conversations' keys. Times are in seconds of any one clock."""

    def __init__(self, *, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._lock = Lock()

    def get(self, conversation_id: int, *, now: float) -> _Known | None:
        with self._lock:
            known = self._known.get(conversation_id)
        return None if known is None or known.read_at < now - KEEP_SECONDS else known

    def put(self, conversation_id: int, history: History, *, read_at: float, now: float) -> None:
        """`read_at`: when the oldest of it was read. Drops what was not used for longest, as far as there is need."""
        with self._lock:
            self._drop(conversation_id)
            self._known[conversation_id] = _Known(history, read_at)
            self._size += history.size
            while self._known:
                oldest_id, oldest = next(iter(self._known.items()))
                if self._size <= self._max_bytes and oldest.read_at >= now - KEEP_SECONDS:
                    break
                self._drop(oldest_id)

    def _drop(self, conversation_id: int) -> None:
        if known := self._known.pop(conversation_id, None):
            self._size -= known.history.size


def read(run: ClaimedRun, *, cache: HistoryCache, now: float) -> History:
    """As much of the run's history as its model's window can hold, or a little more.

    One more statement when the claim brought too little and the cache has not the rest. Raises ValueError, KeyError or
    TypeError when what is stored cannot be read.
    """
    rows = orjson.loads(run.history_json)
    if run.conversation_id is None or not rows:
        return History()
    known = cache.get(run.conversation_id, now=now)
    # What has long outgrown the window is read anew, or it would grow for ever.
    if known and known.history.tokens > 2 * run.context_window:
        known = None
    history, read_at = _history(rows, until=known.history.head_id if known else None), now
    if known and history.rest_id == known.history.head_id:
        history, read_at = history.after(known.history), known.read_at
    if not history.is_whole and history.tokens <= run.context_window:
        history = history.after(_older(run, history))
    cache.put(run.conversation_id, history, read_at=read_at, now=now)
    return history


def _older(run: ClaimedRun, newer: History) -> History:
    row = sql.fetch_one(
        sql.OLDER,
        {
            "message_id": newer.rest_id,
            "conversation_id": run.conversation_id,
            "room": run.context_window - newer.tokens,
        },
    )
    return _history(orjson.loads(row["history"])) if row and row["history"] else History()


def _history(rows: Sequence[Any], *, until: int | None = None) -> History:
    """Of rows as CLAIM and OLDER return them, newest first, those that are newer than `until`."""
    newer = list(takewhile(lambda row: row[0] != until, rows))
    rest_id = until if len(newer) < len(rows) else rows[-1][1]
    newer.reverse()
    messages = tuple(_message(*row[2:6]) for row in newer)
    return History(
        head_id=rows[0][0],
        rest_id=rest_id,
        messages=messages,
        items=tuple(HistoryItem.of(message, tokens=row[6]) for message, row in zip(messages, newer, strict=True)),
        tokens=sum(row[6] for row in newer),
        size=sum(MESSAGE_BYTES + _text_size(row[4]) for row in newer),
        is_plain=all(map(tool_pairs.is_plain, messages)),
    )


def _message(role: str, name: str, parts: Any, metadata: Any) -> Message:
    return Message(Role(role), serialization.load_parts(parts), name or None, metadata)


def _text_size(parts: Any) -> int:
    """In bytes, roughly: of a text its characters, of anything else its JSON."""
    return sum(len(part["text"]) if part.get("type") == "text" else len(orjson.dumps(part)) for part in parts)
