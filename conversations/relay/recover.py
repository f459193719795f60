"""What a dead worker had published of a run: the only trace of text that its readers may have seen."""

from dataclasses import dataclass

import redis

from conversations.relay import codec, witness
from conversations.turns import RunEnded
from providers.assembly import Answer, Assembler


@dataclass(frozen=True, slots=True)
class LostLog:
    """`is_published`: something was, or nobody can tell any more."""

    is_published: bool
    text: str
    answers: tuple[Answer, ...]
    shape: list[codec.Shape]


def read(client: redis.Redis, *, run_id: str, attempt: int, worker_name: str) -> LostLog:
    """Raises RedisError when Redis does not answer: then nobody can tell yet."""
    assembler = Assembler()
    items = codec.load_log(client.xrange(codec.log_key(run_id, attempt)), attempt=attempt)
    for item in items:
        if not isinstance(item.event, RunEnded):
            assembler.add(item.event)
    shape = codec.shape(item.event for item in items if not isinstance(item.event, RunEnded))
    answers = assembler.answers() if assembler.has_output else ()
    is_published = bool(items) or not witness.remembers(client, worker_name=worker_name)
    return LostLog(is_published=is_published, text=assembler.text, answers=answers, shape=shape)
