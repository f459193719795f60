"""A reader whose run ended where Redis does not tell it: the row has the rest, or another attempt's answer."""

import asyncio
from dataclasses import replace

import orjson
import pytest
from django.http import HttpResponse, StreamingHttpResponse

from conversations.dialects import registry
from conversations.models import Run
from conversations.queries import runs as run_queries
from conversations.relay.publish import Flusher, LiveLog
from conversations.services.runs import finish
from conversations.stores import redis_clients
from conversations.values.callers import Caller
from conversations.values.runs import Format, ReplyContext, Restarted, RunEnded, RunEvent
from conversations.views.http import threadpool
from conversations.views.runs.reading.reader import RunEventReader
from conversations.views.runs.response import RunResponse
from providers.events import ChoiceFinished, TextDelta
from tests import builders
from tests.builders.factories import AccountFactory
from tests.fakes.upstream import PATIENCE_SECONDS

READER = Caller(account_id=1, api_key_id=1)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def begun_anew() -> Run:
    """A run that its second attempt answered."""
    run = builders.runs.start(AccountFactory.create(name="ann"))
    builders.runs.claim(run)
    builders.runs.requeue(run)
    assert finish.finish(run=builders.runs.claim(run), report=builders.runs.report("Right."))
    return run


def say(run: Run, text: str) -> None:
    """Into the log of the first attempt."""
    log = LiveLog(
        flusher=Flusher(redis_clients.client()), run_id=run.public_id, channel=run.channel, attempt=1, keep_seconds=60
    )
    log.add(TextDelta(text))


async def attached(run: Run, *, attempt: int, after: int = 0) -> RunEventReader:
    """A reader that began at this attempt, before the run ended."""
    found = await threadpool.call(run_queries.stored_run, account_id=run.account_id, run_id=run.public_id)
    return await RunEventReader.attach(replace(found, attempt=attempt), caller=READER, after=after)


async def read(run: Run, *, attempt: int, after: int = 0) -> list[RunEvent | Restarted]:
    reader = await attached(run, attempt=attempt, after=after)
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


def opened(run: Run, reader: RunEventReader, answer_format: Format) -> RunResponse:
    context = ReplyContext(
        run_id=run.public_id, conversation_id="thread", is_stored=True, model=run.model, trace_id=str(run.trace_id)
    )
    return RunResponse(reader, context, run_id=run.pk, answer_format=answer_format)


async def test_an_answer_in_one_piece_is_that_of_the_last_attempt() -> None:
    run = await threadpool.call(begun_anew)
    await threadpool.call(say, run, "Wrong.")
    response = opened(run, await attached(run, attempt=1), Format.JSON)

    answered = await response.respond(registry.get("aichat"))

    assert isinstance(answered, HttpResponse)
    assert orjson.loads(answered.content) == {"id": "thread", "answer": "Right."}


async def test_a_stream_ends_where_another_attempt_would_follow() -> None:
    run = await threadpool.call(begun_anew)
    await threadpool.call(say, run, "Wrong.")
    response = opened(run, await attached(run, attempt=1), Format.SSE)

    answered = await response.respond(registry.get("aichat"))

    assert isinstance(answered, StreamingHttpResponse)
    wrong, broken, done, rest = b"".join([part async for part in answered]).split(b"\n\n")
    assert wrong == b'id: 1\ndata: {"delta_answer":"Wrong.","id":"thread"}'
    assert broken.startswith(b'id: 1\ndata: {"delta_answer":"","id":"thread","error": {"code": "api_error"')
    assert (done, rest) == (b"data: [DONE]", b"")
