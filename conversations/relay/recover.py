"""What a dead worker had published of a run: the only trace of text that its readers may have seen."""

from dataclasses import dataclass

import redis

from conversations.relay import codec, log_marker, scripts
from conversations.values.runs import RunEnded
from providers.assembly import Answer, Assembler
from providers.events import CallStarted


@dataclass(frozen=True, slots=True)
class RecoveredLog:
    """`is_published`: something was, or nobody can tell any more. `length` is how many positions the log holds.

    Of a log that this release cannot read to its end the rest is only counted.
    """

    is_published: bool
    text: str
    answers: tuple[Answer, ...]
    call: CallStarted | None
    shape: list[codec.Shape]
    length: int


def fence(client: redis.Redis, *, run_id: str, attempt: int, worker_name: str, keep_seconds: int) -> RecoveredLog:
    """What readers may have seen of an attempt, and all that they ever will: its worker may be frozen, not dead.

    Raises RedisError when Redis does not answer: then nobody can tell yet.
    """
    assembler = Assembler()
    found = scripts.fence(client)(keys=[codec.log_key(run_id, attempt)], args=[keep_seconds])
    held = [entry for entry in scripts.entries(found) if b"e" in entry[1]]
    items = codec.load_log(held, attempt=attempt)
    for item in items:
        if not isinstance(item.event, RunEnded):
            assembler.add(item.event)
    shape = codec.shape(item.event for item in items if not isinstance(item.event, RunEnded))
    answers = assembler.answers() if assembler.has_output else ()
    is_published = bool(held) or not log_marker.remembers(client, worker_name=worker_name)
    return RecoveredLog(
        is_published=is_published,
        text=assembler.text,
        answers=answers,
        call=assembler.started,
        shape=shape,
        length=codec.position(held[-1][0]) if held else 0,
    )
