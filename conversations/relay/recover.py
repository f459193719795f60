"""Reads what a dead worker had published of a run: nothing else tells what text its readers may have seen."""

from dataclasses import dataclass

import redis

from conversations.relay import codec, log_marker, scripts
from conversations.values.runs import RunEnded
from providers.assembly import Answer, Assembler
from providers.events import CallStarted


@dataclass(frozen=True, slots=True)
class RecoveredLog:
    """What readers may have seen of an attempt.

    `is_published` is also true where the log may have been lost. `length` is how many positions the log holds; those
    that this release cannot read count there, and are missing from the rest.
    """

    is_published: bool
    text: str
    answers: tuple[Answer, ...]
    call: CallStarted | None
    shape: list[codec.Shape]
    length: int


def fence(client: redis.Redis, *, run_id: str, attempt: int, worker_name: str, keep_seconds: int) -> RecoveredLog:
    """Closes the attempt's log to its worker, which may be frozen and not dead, and returns what it held.

    Raises RedisError when Redis does not answer: then what was published is not known yet.
    """
    assembler = Assembler()
    found = scripts.fence(client)(keys=[codec.log_key(run_id, attempt)], args=[keep_seconds])
    held = [entry for entry in scripts.entries(found) if b"e" in entry[1]]
    items = codec.load_log(held)
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
