"""A reader whose run ended where Redis does not tell it: the row has the rest, or another attempt's answer."""

import asyncio
from dataclasses import replace

import pytest

from conversations import redis_clients as relay
from conversations.models import Run
from conversations.queries import runs as run_queries
from conversations.relay.publish import Flusher, LiveLog
from conversations.services.runs import finish
from conversations.values.runs import Restarted, RunEnded, RunEvent
from conversations.views.http import threadpool
from conversations.views.runs.reader import RunEventReader
from providers.events import ChoiceFinished, TextDelta
from tests.fakes.upstream import PATIENCE_SECONDS
from tests.integration.conversations import making

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def begun_anew() -> Run:
    """A run that its second attempt answered."""
    run = making.start(making.account())
    making.claim(run)
    finish.put_back(run_id=run.pk, attempt=1, worker_name="w1", is_lost=True, is_published=False)
    assert finish.finish(run=making.claim(run), report=making.report("Right."))
    return run


def say(run: Run, text: str) -> None:
    """Into the log of the first attempt."""
    log = LiveLog(
        flusher=Flusher(relay.client()), run_id=run.public_id, channel=run.channel, attempt=1, keep_seconds=60
    )
    log.add(TextDelta(text))


async def read(run: Run, *, attempt: int, after: int = 0) -> list[RunEvent | Restarted]:
    """By a reader that began at this attempt, before the run ended."""
    found = await threadpool.call(run_queries.stored_run, account_id=run.account_id, run_id=run.public_id)
    reader = await RunEventReader.attach(replace(found, attempt=attempt), api_key_id=1, after=after)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return [item async for item in reader.events(run_id=run.pk) if item is not None]
    finally:
        reader.close()


@pytest.mark.parametrize("after", [0, 7])
async def test_a_reader_of_another_attempt_is_told_and_reads_the_row_from_its_start(after: int) -> None:
    run = await threadpool.call(begun_anew)
    await threadpool.call(say, run, "Wrong.")

    *items, end = await read(run, attempt=1, after=after)

    assert items == [
        RunEvent(1, TextDelta("Wrong.")),
        Restarted(1),
        RunEvent(1, TextDelta("Right.")),
        RunEvent(1, ChoiceFinished("stop")),
    ]
    assert (end.position, type(getattr(end, "event", None))) == (2, RunEnded)


async def test_a_reader_that_has_read_nothing_of_another_attempt_needs_not_be_told() -> None:
    run = await threadpool.call(begun_anew)

    *items, end = await read(run, attempt=1)

    assert items == [RunEvent(1, TextDelta("Right.")), RunEvent(1, ChoiceFinished("stop"))]
    assert (end.position, type(getattr(end, "event", None))) == (2, RunEnded)
