"""Whoever died: what the sweeper finds, puts back, ends, wakes or forgets."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from conversations import broker
from conversations.models import Account, Run, RunAttempt, Worker
from conversations.relay import codec, recover
from conversations.relay.publish import Flusher, LiveLog
from conversations.services import run_ends, sweeping
from conversations.turns import RunEnded, RunEvent, RunStatus
from providers.events import ReasoningDelta, TextDelta
from tests.integration.conversations import making
from tests.integration.conversations.listening import listening

pytestmark = pytest.mark.django_db

Sweep = Callable[[], list[int]]
Line = Callable[..., list[int]]


@pytest.fixture
def ann() -> Account:
    return making.account("ann")


@pytest.fixture
def sweep_on(valkey: redis.Redis, django_capture_on_commit_callbacks: Any) -> Sweep:
    """One round; gives the runs in line after it, the next one first."""

    def once() -> list[int]:
        with django_capture_on_commit_callbacks(execute=True):
            sweeping.sweep()
        return broker.next_in_line(most=10_000)

    return once


@pytest.fixture
def sweep(sweep_on: Sweep, valkey: redis.Redis) -> Sweep:
    """As that, and workers take all of them."""

    def once() -> list[int]:
        woken = sweep_on()
        valkey.delete(broker.RUNS_QUEUE)
        return woken

    return once


def die(run: Run, *, seconds: float = 9.0) -> None:
    """The run's worker was last heard of this long ago."""
    Worker.objects.filter(runs=run).update(heartbeat_at=Now() - timedelta(seconds=seconds))


def live_log(valkey: redis.Redis, run: Run, *, attempt: int = 1) -> LiveLog:
    return LiveLog(flusher=Flusher(valkey), run_id=run.public_id, channel=run.channel, attempt=attempt, keep_seconds=60)


def publish(valkey: redis.Redis, run: Run, *events: TextDelta | ReasoningDelta, attempt: int = 1) -> None:
    log = live_log(valkey, run, attempt=attempt)
    for event in events:
        log.add(event)
        log.flush()


def log_of(valkey: redis.Redis, run: Run) -> list[RunEvent]:
    return codec.load_log(valkey.xrange(codec.log_key(run.public_id, 1)), attempt=1)


def age(run: Run, *, seconds: float, column: str) -> None:
    Run.objects.filter(pk=run.pk).update(**{column: F(column) - timedelta(seconds=seconds)})


def state(run: Run) -> tuple[str, int, int, str]:
    run.refresh_from_db()
    return run.status, run.attempt, run.attempts_lost, run.error_code


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_run_of_a_dead_worker_begins_anew_while_nothing_was_shown(
    ann: Account, sweep: Sweep, is_streamed: bool
) -> None:
    run = making.start(ann, is_streamed=is_streamed)
    making.claim(run)
    die(run)

    woken = sweep()

    assert state(run) == ("queued", 1, 1, "")
    assert woken == [run.pk]
    assert list(RunAttempt.objects.filter(run=run).values_list("number", "outcome")) == [(1, "lost")]


def test_a_run_of_a_living_worker_is_left_alone(ann: Account, sweep: Sweep) -> None:
    run = making.start(ann)
    making.claim(run)
    die(run, seconds=5)

    assert sweep() == []
    assert state(run) == ("in_progress", 1, 0, "")


def test_a_run_of_a_worker_that_stopped_without_it_is_not_waited_for(ann: Account, sweep: Sweep) -> None:
    run = making.start(ann)
    worker_id = making.worker()
    making.claim(run, worker_id=worker_id)
    Worker.objects.filter(pk=worker_id).update(stopped_at=Now())

    assert sweep() == [run.pk]
    assert state(run) == ("queued", 1, 1, "")


def test_a_frozen_worker_adds_nothing_to_a_run_that_ended_before_its_first_word(
    ann: Account, sweep: Sweep, valkey: redis.Redis
) -> None:
    run = making.start(ann, is_streamed=True)
    making.claim(run)
    die(run)
    # Without the worker's note nobody knows whether text was shown, so the stream fails.
    valkey.flushdb()
    sweep()
    assert state(run) == ("failed", 1, 0, "internal_error")

    publish(valkey, run, TextDelta("Too late"))

    (entry,) = log_of(valkey, run)
    assert (entry.position, type(entry.event)) == (1, RunEnded)
    assert 0 < valkey.ttl(codec.log_key(run.public_id, 1)) <= settings.RUN_LOG_SECONDS


def test_a_living_worker_gives_back_what_it_was_given_and_never_heard_of(ann: Account, valkey: redis.Redis) -> None:
    worker_id = making.worker()
    unheard, known, fresh = (making.start(ann, conversation_id=name) for name in ("unheard", "known", "fresh"))
    elsewhere = making.start(ann, conversation_id="elsewhere")
    for run in (unheard, known, fresh):
        making.claim(run, worker_id=worker_id)
    making.claim(elsewhere)
    for run in (unheard, known, elsewhere):
        age(run, seconds=9, column="claimed_at")

    sweeping.recover_strays(worker_id=worker_id, known=[known.pk])

    assert state(unheard) == ("queued", 1, 1, "")
    assert [state(run) for run in (known, fresh, elsewhere)] == [("in_progress", 1, 0, "")] * 3


def test_a_stream_that_was_shown_fails_with_its_partial_text(ann: Account, sweep: Sweep, valkey: redis.Redis) -> None:
    making.answered(ann, "1", "One")
    run = making.start(ann, "2", is_streamed=True)
    making.claim(run)
    publish(valkey, run, TextDelta("Hel"), TextDelta("lo"))
    die(run)

    with listening(valkey, run.channel) as heard:
        woken = sweep()

    assert state(run) == ("failed", 1, 0, "internal_error")
    assert making.answer(run) == "Hello"
    assert making.thread(ann) == ["1", "One"]
    assert woken == []
    assert heard == [b""]


@pytest.mark.parametrize(
    ("is_streamed", "then"), [(True, ("failed", 1, 0, "internal_error")), (False, ("queued", 1, 1, ""))]
)
def test_a_stream_whose_log_redis_forgot_may_have_been_shown(
    ann: Account, sweep: Sweep, valkey: redis.Redis, is_streamed: bool, then: tuple[str, int, int, str]
) -> None:
    run = making.start(ann, is_streamed=is_streamed)
    making.claim(run)
    publish(valkey, run, TextDelta("Hel"))
    valkey.flushdb()
    die(run)

    sweep()

    assert state(run) == then
    assert making.answer(run) is None


def test_a_whole_answer_begins_anew_although_words_were_published(
    ann: Account, sweep: Sweep, valkey: redis.Redis
) -> None:
    run = making.start(ann, is_streamed=False)
    making.claim(run)
    publish(valkey, run, TextDelta("Hel"))
    die(run)

    assert sweep() == [run.pk]
    assert state(run) == ("queued", 1, 1, "")
    assert making.answer(run) is None


def test_a_run_that_keeps_losing_its_workers_is_given_up(ann: Account, sweep: Sweep) -> None:
    run = making.start(ann)
    later = making.start(ann, "Later")

    for attempt in range(1, settings.RUN_MAX_ATTEMPTS + 1):
        assert making.claim(run).attempt == attempt
        die(run)
        woken = sweep()

    assert state(run) == ("failed", 3, 2, "internal_error")
    assert woken == [later.pk]
    assert [outcome for (outcome,) in RunAttempt.objects.filter(run=run).values_list("outcome")] == ["lost"] * 3


def test_what_a_dead_worker_still_says_changes_nothing(ann: Account, sweep: Sweep) -> None:
    run = making.start(ann)
    dead = making.claim(run)
    die(run)
    sweep()

    assert not run_ends.finish(run=dead, report=making.report("Not dead after all"))
    assert state(run) == ("queued", 1, 1, "")
    assert making.conversation(ann).head_id is None


def test_what_a_frozen_worker_publishes_after_the_end_reaches_nobody(
    ann: Account, sweep: Sweep, valkey: redis.Redis
) -> None:
    run = making.start(ann, is_streamed=True)
    making.claim(run)
    frozen = live_log(valkey, run)
    frozen.add(TextDelta("Hel"))
    die(run)

    with listening(valkey, run.channel) as heard:
        sweep()
        for text in ("lo", "!"):
            frozen.add(TextDelta(text))
            frozen.flush()

    assert heard == [b""]
    assert frozen.is_sealed
    assert [(item.position, type(item.event)) for item in log_of(valkey, run)] == [(1, TextDelta), (2, RunEnded)]
    assert making.answer(run) == "Hel"


def test_the_first_word_of_a_frozen_worker_reaches_nobody_once_its_run_was_put_back(
    ann: Account, sweep: Sweep, valkey: redis.Redis
) -> None:
    run = making.start(ann, is_streamed=True)
    making.claim(run)
    frozen = live_log(valkey, run)
    die(run)

    with listening(valkey, run.channel) as heard:
        sweep()
        frozen.add(TextDelta("Too late"))
        making.claim(run)
        publish(valkey, run, TextDelta("Hello"), attempt=2)

    assert state(run) == ("in_progress", 2, 1, "")
    assert frozen.is_sealed
    assert [codec.load_published(message) for message in heard] == [
        [RunEvent(position=1, event=TextDelta("Hello"), attempt=2)]
    ]
    assert log_of(valkey, run) == []


def test_a_sweep_that_was_cut_short_is_made_again(ann: Account, sweep: Sweep, valkey: redis.Redis) -> None:
    run = making.start(ann, is_streamed=True)
    making.claim(run)
    publish(valkey, run, TextDelta("Hel"))
    die(run)
    seals = [recover.seal(valkey, run_id=run.public_id, attempt=1, worker_name="w", keep_seconds=60) for _ in range(2)]

    sweep()

    assert [lost.text for lost in seals] == ["Hel", "Hel"]
    assert state(run) == ("failed", 1, 0, "internal_error")
    assert [(item.position, type(item.event)) for item in log_of(valkey, run)] == [(1, TextDelta), (2, RunEnded)]


def test_an_end_that_finds_its_log_sealed_still_has_its_readers_look(ann: Account, valkey: redis.Redis) -> None:
    """The sweep was cut short between the seal and the row, and the worker came back in time to end the run."""
    run = making.start(ann, is_streamed=True)
    making.claim(run)
    thawed = live_log(valkey, run)
    recover.seal(valkey, run_id=run.public_id, attempt=1, worker_name="w", keep_seconds=60)

    with listening(valkey, run.channel) as heard:
        thawed.add(TextDelta("Hello"))
        thawed.end(RunEnded(RunStatus.COMPLETED))

    assert heard == [b""]
    assert log_of(valkey, run) == []


def test_a_run_that_waits_too_long_is_busy(ann: Account, sweep: Sweep) -> None:
    first, second = making.start(ann, "1"), making.start(ann, "2")
    making.claim(first)
    age(second, seconds=settings.QUEUE_WAIT + 1, column="queued_at")

    sweep()

    assert state(second) == ("failed", 0, 0, "conversation_busy")
    assert second.error_message == "The message waited too long for its turn."
    assert state(first) == ("in_progress", 1, 0, "")


def test_a_run_that_waits_not_too_long_goes_on_waiting(ann: Account, sweep: Sweep) -> None:
    run = making.start(ann)
    age(run, seconds=settings.QUEUE_WAIT - 5, column="queued_at")

    sweep()

    assert state(run) == ("queued", 0, 0, "")


def test_a_lost_wake_up_is_sent_again_to_the_first_in_line(ann: Account, sweep: Sweep) -> None:
    first, second = making.start(ann, "1"), making.start(ann, "2")
    alone, fresh = making.start(ann, is_stored=False), making.start(ann, is_stored=False)
    for run in (first, second, alone):
        age(run, seconds=sweeping.WAKE_AGAIN_SECONDS + 1, column="woken_at")

    assert sweep() == [first.pk, alone.pk]
    assert state(fresh) == ("queued", 0, 0, "")


@pytest.fixture
def line(ann: Account, valkey: redis.Redis, django_capture_on_commit_callbacks: Any) -> Line:
    """Runs that were accepted this many seconds ago; those `woken` are in line, the others' wake-ups are lost."""

    def of(*ages: float, woken: bool) -> list[int]:
        made = []
        for seconds in ages:
            with django_capture_on_commit_callbacks(execute=woken):
                made.append(making.start(ann, is_stored=False))
            age(made[-1], seconds=seconds, column="woken_at")
        return [run.pk for run in made]

    return of


def test_lost_wake_ups_go_to_the_head_of_a_line_however_long(sweep_on: Sweep, line: Line) -> None:
    lost = line(50, 40, 35, woken=False)
    waiting = line(30, 20, 10, 0, woken=True)

    assert sweep_on() == [*lost, *waiting]
    # From now on they are in line like the others.
    assert sweep_on() == [*lost, *waiting]


def test_whoever_is_in_line_is_not_woken_again(sweep_on: Sweep, line: Line) -> None:
    waiting = line(*range(60, 0, -1), woken=True)

    assert [sweep_on() for _ in range(3)] == [waiting] * 3


def test_a_lost_wake_up_is_found_when_the_line_has_come_to_its_place(
    sweep_on: Sweep, line: Line, valkey: redis.Redis
) -> None:
    before, lost, after = line(60, woken=True), line(40, woken=False), line(30, woken=True)
    assert sweep_on() == [*before, *after]

    valkey.rpop(broker.RUNS_QUEUE)
    Run.objects.filter(pk__in=before).update(status="cancelled", finished_at=Now())

    assert sweep_on() == [*lost, *after]


def test_what_a_worker_took_and_did_not_begin_is_woken_again(sweep_on: Sweep, line: Line, valkey: redis.Redis) -> None:
    taken, waiting = line(40, 39, woken=True), line(30, 20, woken=True)
    valkey.rpop(broker.RUNS_QUEUE, len(taken))

    assert sweep_on() == [*taken, *waiting]


def test_a_wake_up_of_what_was_put_back_does_not_make_the_line_seem_lost(
    sweep_on: Sweep, line: Line, valkey: redis.Redis
) -> None:
    waiting, newest = line(60, 50, woken=True), line(0, woken=True)
    # It stands at the head, although it was woken last.
    valkey.rpush(broker.RUNS_QUEUE, valkey.lpop(broker.RUNS_QUEUE))  # type: ignore[arg-type]

    assert sweep_on() == [*newest, *waiting]


def test_a_run_whose_turn_came_late_waits_at_the_end_of_the_line(
    ann: Account, sweep_on: Sweep, line: Line, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = making.start(ann, "1"), making.start(ann, "2")
    age(second, seconds=60, column="woken_at")
    waiting = line(30, woken=True)
    claimed = making.claim(first)

    with django_capture_on_commit_callbacks(execute=True):
        run_ends.finish(run=claimed, report=making.report())

    assert sweep_on() == [*waiting, second.pk]


def test_a_run_that_lost_its_worker_has_had_its_place_in_line(ann: Account, sweep_on: Sweep, line: Line) -> None:
    run = making.start(ann)
    making.claim(run)
    die(run)
    waiting = line(3, 2, 1, woken=True)

    assert sweep_on() == [run.pk, *waiting]


MANY_MORE = """
INSERT INTO conversations_run (account_id, public_id, channel, trace_id, dialect, model, context_window, status,
                               finished_at, queued_at, woken_at)
SELECT account_id, 'run_' || n, channel, trace_id, dialect, model, context_window,
       CASE n % 3 WHEN 0 THEN 'queued' ELSE 'completed' END, CASE n % 3 WHEN 0 THEN NULL ELSE now() END,
       now() - interval '1 hour', now() - interval '1 hour'
FROM conversations_run, generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize(
    "find", [sweeping._overdue, lambda: sweeping._forgotten([])], ids=["waiting too long", "wake-up lost"]
)
def test_those_who_wait_are_found_without_reading_all_runs(ann: Account, find: Callable[[], QuerySet[Run]]) -> None:
    making.start(ann)
    with connection.cursor() as cursor:
        cursor.execute(MANY_MORE)
        cursor.execute("ANALYZE conversations_run")

    plan = find()[: sweeping.BATCH].explain()

    assert "Scan using run_waiting on conversations_run" in plan
    assert "conversations_run_pkey" not in plan


def test_what_nothing_stores_is_forgotten_in_the_end(ann: Account, sweep: Sweep) -> None:
    old, new, stored = (
        making.answered(ann, is_stored=False),
        making.answered(ann, is_stored=False),
        making.answered(ann),
    )
    for run in (old, stored):
        age(run, seconds=sweeping.FORGET_SECONDS + 1, column="finished_at")

    sweep()

    for run in (old, new, stored):
        run.refresh_from_db()
    assert (old.request, old.answer) == (None, None)
    assert new.request is not None
    assert stored.request is not None
