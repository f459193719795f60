"""Files that are read for a run: what a second attempt finds, and what becomes of a turn that cannot keep them."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from conversations import errors, routing
from conversations.models import Account, Content, Reading, Run
from conversations.outbound.addresses import ranges
from conversations.services.runs import finish, records
from conversations.services.runs.claim import ClaimedRun
from conversations.values.context.sources import Gathered
from conversations.workers.runs.context import gather, reading, references
from conversations.workers.runs.context.reading import Problem
from conversations.workers.runs.context.wanted import Wanted
from conversations.workers.runs.history import History
from conversations.workers.runs.process import RunHandle, WorkerProcess
from providers.messages import FilePart, Message, Role, TextPart
from tests import builders
from tests.fakes import refused_rows
from tests.fakes.receiver import Receiver, answers, answers_once, stalls
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations.workers.runs.conftest import Answered
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes")]


@pytest.fixture
def server(settings: Settings) -> Iterator[Receiver]:
    settings.OUTBOUND_ALLOW = ranges(["127.0.0.0/8"])
    reading.fetcher.cache_clear()
    with Receiver() as running:
        running.default = answers(200, b"Alder floats.", {"Content-Type": "text/plain"})
        yield running
    reading.fetcher.cache_clear()


def asked(owner: Account, server: Receiver) -> Run:
    said = Message(Role.USER, (TextPart("Well?"), FilePart(url=server.url)))
    return builders.runs.start(owner, said=(said,))


def gathered(run: ClaimedRun, process: WorkerProcess) -> Gathered | None:
    inputs = records.load_prompt_inputs(
        request=run.request_json, messages=run.messages_json, parameters=run.parameters_json
    )
    handle = RunHandle(run_id=run.pk, deadline=0.0)
    targets = routing.for_model(run.model)
    return gather.gather(run, inputs=inputs, history=History(), targets=targets, process=process, handle=handle)


def test_a_run_whose_worker_died_before_the_call_reads_nothing_twice(
    ann: Account, server: Receiver, vendor: FakeUpstream, process: WorkerProcess, answered: Answered
) -> None:
    run = asked(ann, server)
    claimed = builders.runs.claim(run, worker_id=process.worker_id)
    assert gathered(claimed, process) is not None
    assert finish.requeue(
        account_id=ann.pk, run_id=run.pk, attempt=1, worker_name=process.name, is_lost=True, is_published=False
    )

    run = answered(run)

    assert (run.attempt, len(server.requests), len(vendor.requests)) == (2, 1, 1)
    assert "Alder floats." in str(vendor.requests[0].messages[-1])


def test_a_turn_for_whose_files_the_system_has_no_thread_may_be_asked_again(
    ann: Account, server: Receiver, vendor: FakeUpstream, process: WorkerProcess
) -> None:
    claimed = builders.runs.claim(asked(ann, server), worker_id=process.worker_id)
    # No machine has so much for the stack of a thread.
    usual = threading.stack_size(2**46)

    try:
        with pytest.raises(errors.ServiceUnavailable, match="too many files are being read at the moment"):
            gathered(claimed, process)
    finally:
        threading.stack_size(usual)

    assert (server.requests, vendor.requests) == ([], [])


@pytest.mark.parametrize("table", ["content", "reading"])
def test_a_turn_goes_on_where_what_it_read_is_refused(
    ann: Account, server: Receiver, vendor: FakeUpstream, answered: Answered, table: str
) -> None:
    def execute(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    with refused_rows.refusing(execute, table, "INSERT", when="true"):
        run = answered(asked(ann, server))

    assert run.error_code == ""
    assert "Alder floats." in str(vendor.requests[0].messages[-1])
    assert (Content.objects.count(), Reading.objects.count()) == (0, 0)


def test_a_turn_goes_on_where_the_use_of_what_was_read_before_cannot_be_noted(
    ann: Account, server: Receiver, vendor: FakeUpstream, answered: Answered
) -> None:
    def execute(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    said = Message(Role.USER, (TextPart("Well?"), FilePart(url=server.url)))
    answered(builders.runs.start(ann, said=(said,), conversation_id="a"))
    Content.objects.update(used_at=Now() - timedelta(days=2))

    with refused_rows.refusing(execute, "content", "UPDATE", when="true"):
        run = answered(builders.runs.start(ann, "And?", conversation_id="a"))

    assert run.error_code == ""
    assert "Alder floats." in str(vendor.requests[1].messages)
    assert len(server.requests) == 1


def test_texts_that_postgresql_does_not_store_are_stored_all_the_same(
    ann: Account, server: Receiver, vendor: FakeUpstream, answered: Answered
) -> None:
    server.default = answers(
        200, "a\ud800".encode("utf-8", "surrogatepass") + b"\xff b", {"Content-Type": "text/plain"}
    )

    run = answered(asked(ann, server))

    assert run.error_code == ""
    assert Content.objects.get().weight == len(Content.objects.get().text)


def test_a_run_costs_nothing_where_its_file_cannot_be_read(
    ann: Account, server: Receiver, vendor: FakeUpstream, answered: Answered
) -> None:
    server.default = answers(404)

    run = answered(asked(ann, server))

    place = "messages[0].content[1].file"
    assert run.error_code == "invalid_request"
    assert run.error_message == f"{place} ({server.url}): the server answered with status 404"
    assert run.error_facts == {"param": place}
    assert (run.usage, vendor.requests) == (None, [])


def test_a_long_document_is_cut_to_what_fits_the_question(
    ann: Account, server: Receiver, vendor: FakeUpstream, answered: Answered
) -> None:
    filler = "\n\n".join(f"Paragraph {number} is about nothing in particular." * 20 for number in range(1_000))
    text = f"{filler}\n\nThe wombat sleeps under the bridge.\n\n{filler}"
    server.default = answers(200, text.encode(), {"Content-Type": "text/plain"})
    said = Message(Role.USER, (TextPart("Where sleeps the wombat?"), FilePart(url=server.url)))

    run = answered(builders.runs.start(ann, said=(said,)))

    assert run.error_code == ""
    prompt = str(vendor.requests[0].messages)
    assert "The wombat sleeps under the bridge." in prompt
    # The window of gpt-4 has 8,192 tokens.
    assert 10_000 < len(prompt) < 40_000


def test_a_turn_waits_no_longer_for_all_it_gathers_than_for_one_thing(
    ann: Account,
    server: Receiver,
    vendor: FakeUpstream,
    process: WorkerProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its file has used up the time when the place to prepare it is asked for."""
    monkeypatch.setattr(gather, "SECONDS", 1.0)
    monkeypatch.setattr(references, "LONG_CHARS", 10)
    taken = references._long_texts
    held = sum(taken.begin(owner, seconds=0.0) for owner in range(references.LONG_AT_ONCE))
    try:
        with pytest.raises(errors.ServiceUnavailable) as refused:
            gathered(builders.runs.claim(asked(ann, server), worker_id=process.worker_id), process)
    finally:
        for owner in range(held):
            taken.end(owner)

    assert refused.value.message == references.TOO_BUSY
    assert not taken.under_way


def wanted_links(server: Receiver, count: int) -> list[Wanted]:
    return [Wanted(FilePart(url=server.url), server.url, f"references[{at}]", b"key") for at in range(count)]


def test_what_nobody_waits_for_any_more_is_not_begun(server: Receiver) -> None:
    released = threading.Event()
    server.script(answers(404))
    server.default = answers_once(released)
    handle = RunHandle(run_id=1, deadline=0.0)

    with closing(reading.read_all(wanted_links(server, 20), owner=1, handle=handle, seconds=60.0)) as outcomes:
        assert next(iter(outcomes))[1] == Problem("the server answered with status 404")
    released.set()

    eventually(lambda: {thread.name for thread in threading.enumerate()}, lambda names: "reading" not in names)
    # The thread of the first may have begun another one before it heard of the end.
    assert len(server.requests) <= reading.OF_RUN_AT_ONCE + 1


def test_files_that_are_late_are_problems_and_the_others_are_not(server: Receiver) -> None:
    server.script(stalls(), answers(200, b"Alder floats.", {"Content-Type": "text/plain"}), stalls())
    server.default = stalls()
    handle = RunHandle(run_id=1, deadline=0.0)

    found = list(reading.read_all(wanted_links(server, 9), owner=1, handle=handle, seconds=5.0))

    assert len({id(file.part) for file, _ in found}) == 9
    late = [outcome for _, outcome in found if outcome == Problem(reading.NO_TIME, is_busy=True)]
    assert len(late) == 8
