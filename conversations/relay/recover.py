"""What a dead worker had published of a run: the only trace of text that its readers may have seen."""

from dataclasses import dataclass

import redis

from conversations.relay import codec
from conversations.turns import RunEnded
from providers.assembly import Answer, Assembler


@dataclass(frozen=True, slots=True)
class LostLog:
    is_published: bool
    text: str
    answers: tuple[Answer, ...]
    shape: list[codec.Shape]


def read(client: redis.Redis, *, run_id: str, attempt: int) -> LostLog:
    """Raises RedisError when Redis does not answer: then nobody can tell yet."""
    assembler = Assembler()
    items = codec.load_log(client.xrange(codec.log_key(run_id, attempt)), attempt=attempt)
    for item in items:
        if not isinstance(item.event, RunEnded):
            assembler.add(item.event)
    shape = codec.shape(item.event for item in items if not isinstance(item.event, RunEnded))
    answers = assembler.answers() if assembler.has_output else ()
    return LostLog(is_published=bool(items), text=assembler.text, answers=answers, shape=shape)
