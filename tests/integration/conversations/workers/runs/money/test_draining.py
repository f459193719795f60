"""An answer that is stopped: how long its vendor is still read, and what its account pays."""

import threading
from collections.abc import Callable

import pytest
import redis
from django.db import connection
from pytest_django import Settings

from conversations.models import Account, LedgerEntry, Run
from conversations.rules.runs.run_states import AttemptOutcome
from conversations.services.runs import cancel
from conversations.workers.runs import ask as asking_module
from conversations.workers.runs.attempt import Attempt
from conversations.workers.runs.process import RunHandle, WorkerProcess
from conversations.workers.runs.settle import settle
from tests import builders
from tests.fakes.replies import Act, Again, Controlled, Json, Reply, Step, chunk, event, tokens
from tests.fakes.upstream import FakeUpstream
from tests.integration.conversations import inspection
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "no_routes", "prices")]

NEVER = float("inf")
LONG, SHORT = 600.0, 0.3
MORE = event(chunk({"content": " And more."}))
END = event(chunk({}, finish="stop"))
REPORT = event({**chunk({}), "choices": [], "usage": tokens(20, 500)})


class Answering:
    """A run whose answer has begun, asked for by a thread of its own."""

    def __init__(self, run: Run, process: WorkerProcess, valkey: redis.Redis, *, deadline_seconds: float) -> None:
        self.run = run
        self._process = process
        claimed = builders.runs.claim(run, worker_id=process.worker_id)
        self._attempt = Attempt(claimed, process.name, builders.runs.live_log(valkey, run, attempt=claimed.attempt))
        self._deadline_seconds = deadline_seconds
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()
        eventually(lambda: self._attempt.live_log.shape, bool)

    def _answer(self) -> None:
        try:
            with self._process.track(run_id=self.run.pk, deadline_seconds=self._deadline_seconds) as handle:
                settle(self._attempt, asking_module.ask(self._attempt, process=self._process, handle=handle))
        finally:
            connection.close()

    @property
    def handle(self) -> RunHandle:
        (handle,) = self._process._snapshot()
        return handle

    def stop(self) -> None:
        """The monitor sees the mark of whoever stopped it."""
        cancel.cancel(account_id=self.run.account_id, public_id=self.run.public_id)
        self._process.tick(next_heartbeat=NEVER)

    def ended(self) -> Run:
        """While the monitor goes on."""

        def is_over() -> bool:
            self._process.tick(next_heartbeat=NEVER)
            return not self._thread.is_alive()

        eventually(is_over, bool)
        self.run.refresh_from_db()
        return self.run


Begun = Callable[..., Answering]


@pytest.fixture
def begun(ann: Account, process: WorkerProcess, valkey: redis.Redis) -> Begun:
    def begin(*, deadline_seconds: float = LONG) -> Answering:
        return Answering(builders.runs.start(ann), process, valkey, deadline_seconds=deadline_seconds)

    return begin


def paid(run: Run) -> tuple[str, str]:
    entry = LedgerEntry.objects.get(run=run, kind="settle")
    return entry.usage_source, f"{-entry.amount.normalize():f}"


def first_words(*more: Step, usage: Json | None = None) -> Reply:
    words = {**chunk({"content": "Hello."}), **({"usage": usage} if usage else {})}
    return Reply((event(words), *more))


def test_pays_what_its_vendor_counted_to_the_end(
    ann: Account, vendor: FakeUpstream, begun: Begun, settings: Settings
) -> None:
    settings.USAGE_DRAIN_SECONDS = LONG
    builders.money.meter(ann, "10")
    rest = Controlled()
    vendor.script(first_words(rest))
    answering = begun()

    answering.stop()
    assert answering.handle.aborted_as is AttemptOutcome.CANCELLED
    vendor.send_steps(rest, MORE, END, REPORT, Act.STALL)
    run = answering.ended()

    assert (run.status, inspection.answer(run)) == ("cancelled", "Hello.")
    assert run.usage == {"prompt_tokens": 20, "completion_tokens": 500, "source": "drained"}
    assert paid(run) == ("drained", "0.52")
    assert builders.money.state(ann) == ("9.48", "0", None)


def test_a_run_past_its_deadline_does_too(
    ann: Account, process: WorkerProcess, vendor: FakeUpstream, begun: Begun, settings: Settings
) -> None:
    settings.USAGE_DRAIN_SECONDS = LONG
    builders.money.meter(ann, "10")
    rest = Controlled()
    vendor.script(first_words(rest))
    answering = begun(deadline_seconds=0.0)

    process.tick(next_heartbeat=NEVER)
    vendor.send_steps(rest, MORE, END, REPORT)
    run = answering.ended()

    assert inspection.state(run)[0::3] == ("incomplete", "deadline_exceeded")
    assert paid(run) == ("drained", "0.52")


FOR_EVER = (Again(MORE, 0.005),)
NUL = b'data: {"choices":[],"usage":{"prompt_tokens":"\\u0000","completion_tokens":[[[]]]}}\n\n'


@pytest.mark.parametrize(
    "rest",
    [
        (Act.STALL,),
        FOR_EVER,
        (Again(b": ping\n\n", 0.005),),
        (MORE, Act.CUT),
        (MORE, b"data: <html>\n\n"),
        (MORE, b"\x00\xff\x00\n\n", Act.CUT),
        (END, NUL, Act.CUT),
        (END, event({**chunk({}), "choices": [], "usage": tokens(10**8, 10**8)}), Act.STALL),
        (event({"error": {"message": "Broken.", "code": 500}}),),
        (MORE, END),
    ],
    ids=["silent", "for ever", "pings", "cut", "garbage", "bytes", "NUL", "absurd", "error", "no report"],
)
def test_whatever_its_vendor_does_meanwhile_changes_nothing_else(
    ann: Account, vendor: FakeUpstream, begun: Begun, settings: Settings, rest: tuple[Step, ...]
) -> None:
    settings.USAGE_DRAIN_SECONDS = SHORT
    builders.money.meter(ann, "10")
    held = Controlled()
    vendor.script(first_words(held, *rest))
    answering = begun()

    answering.stop()
    vendor.send_steps(held, Act.CONTINUE)
    run = answering.ended()

    assert (run.status, inspection.answer(run)) == ("cancelled", "Hello.")
    assert paid(run)[0] == "estimated"
    assert builders.money.state(ann)[1] == "0"
    (attempt,) = run.attempts.all()
    assert (attempt.outcome, attempt.moves) == ("cancelled", None)


@pytest.mark.parametrize("why", ["no drains", "no time", "nobody pays"])
def test_otherwise_its_call_is_aborted_at_once(
    ann: Account, vendor: FakeUpstream, begun: Begun, settings: Settings, why: str
) -> None:
    settings.USAGE_DRAINS = 0 if why == "no drains" else 8
    settings.USAGE_DRAIN_SECONDS = 0.0 if why == "no time" else LONG
    if why != "nobody pays":
        builders.money.meter(ann, "10")
    vendor.script(first_words(Act.STALL))
    answering = begun()

    answering.stop()

    assert vendor.requests[0].disconnected.wait(30)
    run = answering.ended()
    assert run.usage is not None
    assert (run.status, run.usage["source"]) == ("cancelled", "estimated")


def test_a_worker_that_is_stopped_waits_for_no_report(
    ann: Account, process: WorkerProcess, vendor: FakeUpstream, begun: Begun, settings: Settings
) -> None:
    settings.USAGE_DRAIN_SECONDS = LONG
    builders.money.meter(ann, "10")
    vendor.script(first_words(Act.STALL))
    answering = begun()

    answering.stop()
    process.drain(seconds=0)
    run = answering.ended()

    assert (run.status, paid(run)[0]) == ("cancelled", "estimated")


def test_what_a_vendor_counts_while_it_answers_needs_no_end(
    ann: Account, vendor: FakeUpstream, begun: Begun, settings: Settings
) -> None:
    """xAI's usage grows with every piece, and includes what was thought before the first word."""
    settings.USAGE_DRAINS = 0
    builders.money.meter(ann, "10")
    vendor.script(first_words(Act.STALL, usage=tokens(20, 300)))
    answering = begun()

    answering.stop()
    run = answering.ended()

    assert run.status == "cancelled"
    assert paid(run) == ("reported", "0.32")
