"""Asks the knowledge worker for the passages whose vectors are nearest to a question's, while the words are ranked."""

import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import redis
from django.db import connection

from conversations.queries.knowledge.indexes import SearchedIndex
from conversations.stores import nearest_passages, redis_clients
from conversations.stores.nearest_passages import DEADLINE_SECONDS, Kind, Question, Reply
from providers.messages import UsedBeside

# The step by whose name a search says that its question was not compared with all vectors of its bases.
NOTE = "vectors"
# Passages that will have no vector are no reason to say that a search went without them.
REFUSED_NOTE = "passages"

# Called before a vendor's model is asked for an account that pays, with the name that a base has for it and the
# question. A short word says why it is not asked; "" lets it be.
MayAsk = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class VectorUsed:
    """A question of which a vendor has made a vector. `embedding` is its model's name as the base has it."""

    embedding: str
    used: UsedBeside
    is_estimated: bool


@dataclass(frozen=True, slots=True)
class Nearest:
    """`shares`: how near the nearest passages are, by their keys (`knowledge/nearness.py`).

    `unrelated`: the indexes of which no passage means anything like the question. `used`: what vendors made vectors of.
    """

    shares: Mapping[int, float] = field(default_factory=dict)
    unrelated: Set[int] = frozenset()
    notes: Mapping[str, str] = field(default_factory=dict)
    used: tuple[VectorUsed, ...] = ()


def ask(
    *, account_id: int, searched: Sequence[SearchedIndex], query: str, most: int, may_ask: MayAsk | None = None
) -> "Asked | None":
    """None where no base has vectors. `may_ask` None: nobody pays."""
    by_model: dict[str, list[SearchedIndex]] = {}
    for index in searched:
        if index.embedding:
            by_model.setdefault(index.embedding, []).append(index)
    if not by_model or not query.strip():
        return None
    questions = [
        Question(account_id, tuple(index.id for index in indexes), model, query, most, is_paid=may_ask is not None)
        for model, indexes in by_model.items()
    ]
    return Asked(questions, indexes=[index for indexes in by_model.values() for index in indexes], may_ask=may_ask)


class Asked:
    """Questions that were sent. A search without an answer has words alone, and says why."""

    def __init__(
        self, questions: Sequence[Question], *, indexes: Sequence[SearchedIndex], may_ask: MayAsk | None
    ) -> None:
        self._indexes = {index.id: index for index in indexes}
        self._client = redis_clients.hurried()
        self._failure = ""
        self._waiting: list[tuple[Question, str, float]] = []
        self._used: list[VectorUsed] = []
        if may_ask is not None:
            questions = [question for question in questions if self._is_payable(question, may_ask)]
        now = time.monotonic()
        try:
            for question in questions:
                if question_id := nearest_passages.ask(self._client, question):
                    kind = nearest_passages.kind_of(question.embedding)
                    self._waiting.append((question, question_id, now + DEADLINE_SECONDS[kind]))
        except redis.RedisError:
            self._failure = "unreachable"
        if len(self._waiting) < len(questions):
            self._failure = self._failure or "no worker makes them"

    def _is_payable(self, question: Question, may_ask: MayAsk) -> bool:
        if nearest_passages.kind_of(question.embedding) is Kind.LOCAL:
            return True
        refusal = may_ask(question.embedding, question.text)
        self._failure = self._failure or refusal
        return not refusal

    def answer(self) -> Nearest:
        if self._waiting and not connection.in_atomic_block:
            # Nobody needs it meanwhile, and others may.
            connection.close()
        replies = [
            (question, self._reply(question, question_id, ends_at)) for question, question_id, ends_at in self._waiting
        ]
        # Of passages without a vector nobody knows.
        unrelated = {
            key
            for question, reply in replies
            if reply.is_no_match
            for key in question.index_ids
            if self._indexes[key].vectors == self._indexes[key].passages
        }
        # No passage is in two replies: each is of other indexes.
        shares = {
            key: share for _, reply in replies for key, share in zip(reply.passage_ids, reply.shares, strict=True)
        }
        return Nearest(shares, unrelated, self._notes(), tuple(self._used))

    def _notes(self) -> Mapping[str, str]:
        notes = {}
        missing = sum(index.passages - index.vectors - index.refused for index in self._indexes.values())
        if self._failure:
            notes[NOTE] = self._failure
        elif missing > 0:
            notes[NOTE] = f"{missing} passages have none yet"
        if refused := sum(index.refused for index in self._indexes.values()):
            notes[REFUSED_NOTE] = f"{refused} have words alone: the model makes no vectors of them"
        return notes

    def _reply(self, question: Question, question_id: str, ends_at: float) -> Reply:
        try:
            reply = nearest_passages.wait(self._client, question_id, seconds=ends_at - time.monotonic())
        except redis.RedisError:
            self._failure = "unreachable"
            return Reply()
        if reply is None:
            self._failure = "late"
            return Reply()
        self._failure = self._failure or reply.failure
        if reply.used is not None:
            self._used.append(VectorUsed(question.embedding, UsedBeside(**reply.used), reply.is_estimated))
        return reply
