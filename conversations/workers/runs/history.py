"""The messages before a turn: those that the claim brought, those that this process has cached, or one more query.

Messages never change, so the path from a message to the root is the same for ever. It need not be read, parsed and
counted again for every turn. If single messages ever become erasable, CLAIM must return an invalidation mark that
`HistoryCache.get` checks.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from threading import Lock
from typing import Any

import orjson

from conversations.knowledge.showing import attachments
from conversations.rules.conversations import context_window, tool_pairs
from conversations.rules.conversations.context_window import HistoryItem
from conversations.services.runs import records, sql
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.records import PromptInputs
from conversations.stores import statements
from providers import serialization
from providers.messages import Message

CACHE_BYTES = 64 * 1024 * 1024
# How long a process may keep what has been deleted from the database meanwhile.
KEEP_SECONDS = 900.0
# Roughly what the objects of one message take in memory besides its text.
MESSAGE_BYTES = 600


@dataclass(frozen=True, slots=True)
class History:
    """A path of the message tree, oldest first: `head_id` is its last message, `parent_id` the one before its first.

    `parent_id` is None for a path that begins at the root. `items` are the messages as `context_window` counts them.
    `size` is in bytes, roughly. `is_plain`: no tool call or result in it can be out of place (`tool_pairs`); kept here
    because finding it out takes a pass over all messages. So is `has_attachments`: a file, an image or a sound.
    `is_cut`: older messages are not shown because the turn asked for no more of them.
    """

    head_id: int | None = None
    parent_id: int | None = None
    messages: tuple[Message, ...] = ()
    items: tuple[HistoryItem, ...] = ()
    tokens: int = 0
    size: int = 0
    is_plain: bool = True
    has_attachments: bool = False
    is_cut: bool = False

    def following(self, older: "History") -> "History":
        """One path of both; `older` ends at this one's `parent_id`."""
        return History(
            head_id=self.head_id if self.messages else older.head_id,
            parent_id=older.parent_id,
            messages=older.messages + self.messages,
            items=older.items + self.items,
            tokens=older.tokens + self.tokens,
            size=older.size + self.size,
            is_plain=older.is_plain and self.is_plain,
            has_attachments=older.has_attachments or self.has_attachments,
        )

    @property
    def begins_at_root(self) -> bool:
        return self.parent_id is None


@dataclass(frozen=True, slots=True)
class _CacheEntry:
    history: History
    read_at: float


class HistoryCache:
    """The histories that a process used last, by their conversations' primary keys. Times are in seconds of any clock.

    Used by several threads.
    """

    def __init__(self, *, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._entries: OrderedDict[int, _CacheEntry] = OrderedDict()
        self._lock = Lock()

    def get(self, conversation_id: int, *, now: float) -> _CacheEntry | None:
        with self._lock:
            entry = self._entries.get(conversation_id)
        return None if entry is None or entry.read_at < now - KEEP_SECONDS else entry

    def put(self, conversation_id: int, history: History, *, read_at: float, now: float) -> None:
        """`read_at`: when the oldest part of it was read. Drops the least recently used while there is need."""
        with self._lock:
            self._drop(conversation_id)
            self._entries[conversation_id] = _CacheEntry(history, read_at)
            self._size += history.size
            while self._entries:
                oldest_id, oldest = next(iter(self._entries.items()))
                if self._size <= self._max_bytes and oldest.read_at >= now - KEEP_SECONDS:
                    break
                self._drop(oldest_id)

    def _drop(self, conversation_id: int) -> None:
        if entry := self._entries.pop(conversation_id, None):
            self._size -= entry.history.size


def read(run: ClaimedRun, *, cache: HistoryCache, now: float) -> History:
    """As much of the run's history as its model's context window can hold, or a little more.

    Takes one query when the claim brought too little and the cache does not have the rest. Raises ValueError, KeyError
    or TypeError when the stored messages cannot be read.
    """
    rows = orjson.loads(run.history_json)
    if run.conversation_id is None or not rows:
        return History()
    cached = cache.get(run.conversation_id, now=now)
    # A history of twice the window is read again, and so cut to the window: otherwise it would grow with every turn.
    if cached and cached.history.tokens > 2 * run.context_window:
        cached = None
    history, read_at = _history(rows, until=cached.history.head_id if cached else None), now
    if cached and history.parent_id == cached.history.head_id:
        history, read_at = history.following(cached.history), cached.read_at
    if not history.begins_at_root and history.tokens <= run.context_window:
        history = history.following(_older(run, history))
    cache.put(run.conversation_id, history, read_at=read_at, now=now)
    return history


def shown(history: History, inputs: PromptInputs) -> History:
    """As much of it as the turn asks for: the newest whole turns that are at most so many messages."""
    if inputs.history_most is None:
        return history
    beyond = context_window.messages_beyond(
        history=history.items, most=inputs.history_most, turn_results=tool_pairs.answered_calls(inputs.messages)
    )
    if not beyond:
        return history
    messages, items = history.messages[beyond:], history.items[beyond:]
    return replace(
        history,
        messages=messages,
        items=items,
        tokens=sum(item.tokens for item in items),
        is_plain=all(map(tool_pairs.is_plain, messages)),
        has_attachments=attachments.any_in(messages),
        is_cut=True,
    )


def _older(run: ClaimedRun, newer: History) -> History:
    budget = run.context_window - newer.tokens
    return up_to(newer.parent_id, account_id=run.account_id, conversation_id=run.conversation_id, budget=budget)


def up_to(message_id: int | None, *, account_id: int, conversation_id: int | None, budget: int) -> History:
    """The path from the root to the message, of it the newest that have `budget` tokens, or a little more."""
    row = statements.fetch_one(
        sql.OLDER,
        {
            "account_id": account_id,
            "message_id": message_id,
            "conversation_id": conversation_id,
            "budget": budget,
        },
    )
    return _history(orjson.loads(row["history"])) if row["history"] else History()


def _history(rows: Sequence[Any], *, until: int | None = None) -> History:
    """Of the rows that CLAIM or OLDER returned, newest first, those newer than the message `until`."""
    newer = list(takewhile(lambda row: row[0] != until, rows))
    parent_id = until if len(newer) < len(rows) else rows[-1][1]
    newer.reverse()
    messages = tuple(records.load_message_row(*row[2:6]) for row in newer)
    return History(
        head_id=rows[0][0],
        parent_id=parent_id,
        messages=messages,
        items=tuple(HistoryItem.of(message, tokens=row[6]) for message, row in zip(messages, newer, strict=True)),
        tokens=sum(row[6] for row in newer),
        size=sum(MESSAGE_BYTES + serialization.size(row[4]) for row in newer),
        is_plain=all(map(tool_pairs.is_plain, messages)),
        has_attachments=attachments.any_in(messages),
    )
