"""Runs whose worker died, stopped or lost sight of them: put back, or ended with what their readers saw."""

from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.db.models.functions import Now

from conversations.models import Account, Run, RunAttempt, Upkeep, Worker
from conversations.models.runs.workers import LEASE_SECONDS
from conversations.relay import codec, recover
from conversations.services.runs import finish
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from conversations.workers.runs import recovery
from providers.events import ReasoningDelta, TextDelta
from tests import builders
from tests.integration.conversations import inspection
from tests.integration.conversations.conftest import Sweep
from tests.integration.conversations.relay.listening import listening

pytestmark = pytest.mark.django_db


def publish(valkey: redis.Redis, run: Run, *events: TextDelta | ReasoningDelta, attempt: int = 1) -> None:
    log = builders.runs.live_log(valkey, run, attempt=attempt)
    for event in events:
        log.add(event)
        log.flush()


def log_of(valkey: redis.Redis, run: Run) -> list[RunEvent]:
    return codec.load_log(valkey.xrange(codec.log_key(run.public_id, 1)))


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_run_of_a_dead_worker_begins_anew_while_nothing_was_shown(
    ann: Account, sweep: Sweep, is_streamed: bool
) -> None:
    run = builders.runs.start(ann, is_streamed=is_streamed)
    builders.runs.claim(run)
    builders.runs.silence_worker(run)

    woken = sweep()

    assert inspection.state(run) == ("queued", 1, 1, "")
    assert woken == [run.pk]
    assert list(RunAttempt.objects.filter(run=run).values_list("number", "outcome")) == [(1, "lost")]


def paused(*, seconds: float) -> None:
    """No sweep was begun for so long, as if nobody could ask the database."""
    Upkeep.objects.update(begun_at=Now() - timedelta(seconds=seconds))


def test_after_a_pause_workers_get_the_time_to_renew_their_leases(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)
    sweep()
    paused(seconds=LEASE_SECONDS + 1)
    builders.runs.silence_worker(run)

    assert [sweep(), sweep()] == [[], []]
    assert inspection.state(run) == ("in_progress", 1, 0, "")

    Upkeep.objects.update(resumed_at=Now() - timedelta(seconds=LEASE_SECONDS))

    assert sweep() == [run.pk]
    assert inspection.state(run) == ("queued", 1, 1, "")


def test_a_short_pause_saves_no_dead_worker(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)
    sweep()
    paused(seconds=LEASE_SECONDS / 2)
    builders.runs.silence_worker(run)

    assert sweep() == [run.pk]


def test_a_worker_that_stopped_in_good_order_is_not_waited_for_after_a_pause(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    worker_id = builders.runs.worker()
    builders.runs.claim(run, worker_id=worker_id)
    sweep()
    paused(seconds=LEASE_SECONDS + 1)
    Worker.objects.filter(pk=worker_id).update(stopped_at=Now())

    assert sweep() == [run.pk]


def test_a_run_of_a_living_worker_is_left_alone(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    builders.runs.claim(run)
    builders.runs.silence_worker(run, seconds=5)

    assert sweep() == []
    assert inspection.state(run) == ("in_progress", 1, 0, "")


def test_a_run_of_a_worker_that_stopped_without_it_is_not_waited_for(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    worker_id = builders.runs.worker()
    builders.runs.claim(run, worker_id=worker_id)
    Worker.objects.filter(pk=worker_id).update(stopped_at=Now())

    assert sweep() == [run.pk]
    assert inspection.state(run) == ("queued", 1, 1, "")


def test_a_frozen_worker_adds_nothing_to_a_run_that_ended_before_its_first_word(
    ann: Account, sweep: Sweep, valkey: redis.Redis
) -> None:
    run = builders.runs.start(ann, is_streamed=True)
    builders.runs.claim(run)
    builders.runs.silence_worker(run)
    # Without the worker's note nobody knows whether text was shown, so the stream fails.
    valkey.flushdb()
    sweep()
    assert inspection.state(run) == ("failed", 1, 0, "internal_error")

    publish(valkey, run, TextDelta("Too late"))

    (entry,) = log_of(valkey, run)
    assert (entry.position, type(entry.event)) == (1, RunEnded)
    assert 0 < valkey.ttl(codec.log_key(run.public_id, 1)) <= settings.RUN_LOG_SECONDS


def test_a_living_worker_puts_back_a_run_that_it_does_not_know_of(ann: Account, valkey: redis.Redis) -> None:
    worker_id = builders.runs.worker()
    unheard, known, fresh = (builders.runs.start(ann, conversation_id=name) for name in ("unheard", "known", "fresh"))
    elsewhere = builders.runs.start(ann, conversation_id="elsewhere")
    for run in (unheard, known, fresh):
        builders.runs.claim(run, worker_id=worker_id)
    builders.runs.claim(elsewhere)
    for run in (unheard, known, elsewhere):
        builders.runs.age(run, seconds=9, column="claimed_at")

    recovery.recover_orphans(worker_id=worker_id, known=[known.pk])

    assert inspection.state(unheard) == ("queued", 1, 1, "")
    assert [inspection.state(run) for run in (known, fresh, elsewhere)] == [("in_progress", 1, 0, "")] * 3


def test_a_stream_that_was_shown_fails_with_its_partial_text(ann: Account, sweep: Sweep, valkey: redis.Redis) -> None:
    builders.runs.answered(ann, "1", "One")
    run = builders.runs.start(ann, "2", is_streamed=True)
    builders.runs.claim(run)
    publish(valkey, run, TextDelta("Hel"), TextDelta("lo"))
    builders.runs.silence_worker(run)

    with listening(valkey, run.channel) as heard:
        woken = sweep()

    assert inspection.state(run) == ("failed", 1, 0, "internal_error")
    assert inspection.answer(run) == "Hello"
    assert inspection.thread(ann) == ["1", "One"]
    assert woken == []
    assert heard == [b""]


@pytest.mark.parametrize(
    ("is_streamed", "then"), [(True, ("failed", 1, 0, "internal_error")), (False, ("queued", 1, 1, ""))]
)
def test_a_stream_whose_log_redis_forgot_may_have_been_shown(
    ann: Account, sweep: Sweep, valkey: redis.Redis, is_streamed: bool, then: tuple[str, int, int, str]
) -> None:
    run = builders.runs.start(ann, is_streamed=is_streamed)
    builders.runs.claim(run)
    publish(valkey, run, TextDelta("Hel"))
    valkey.flushdb()
    builders.runs.silence_worker(run)

    sweep()

    assert inspection.state(run) == then
    assert inspection.answer(run) is None


def test_a_whole_answer_begins_anew_although_words_were_published(
    ann: Account, sweep: Sweep, valkey: redis.Redis
) -> None:
    run = builders.runs.start(ann, is_streamed=False)
    builders.runs.claim(run)
    publish(valkey, run, TextDelta("Hel"))
    builders.runs.silence_worker(run)

    assert sweep() == [run.pk]
    assert inspection.state(run) == ("queued", 1, 1, "")
    assert inspection.answer(run) is None


def test_a_run_that_keeps_losing_its_workers_is_given_up(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    later = builders.runs.start(ann, "Later")

    for attempt in range(1, settings.RUN_MAX_ATTEMPTS + 1):
        assert builders.runs.claim(run).attempt == attempt
        builders.runs.silence_worker(run)
        woken = sweep()

    assert inspection.state(run) == ("failed", 3, 2, "internal_error")
    assert woken == [later.pk]
    assert [outcome for (outcome,) in RunAttempt.objects.filter(run=run).values_list("outcome")] == ["lost"] * 3


def test_what_a_dead_worker_still_says_changes_nothing(ann: Account, sweep: Sweep) -> None:
    run = builders.runs.start(ann)
    dead = builders.runs.claim(run)
    builders.runs.silence_worker(run)
    sweep()

    assert not finish.finish(run=dead, report=builders.runs.report("Not dead after all"))
    assert inspection.state(run) == ("queued", 1, 1, "")
    assert inspection.conversation(ann).head_id is None


def test_what_a_frozen_worker_publishes_after_the_end_reaches_nobody(
    ann: Account, sweep: Sweep, valkey: redis.Redis
) -> None:
    run = builders.runs.start(ann, is_streamed=True)
    builders.runs.claim(run)
    frozen = builders.runs.live_log(valkey, run)
    frozen.add(TextDelta("Hel"))
    builders.runs.silence_worker(run)

    with listening(valkey, run.channel) as heard:
        sweep()
        for text in ("lo", "!"):
            frozen.add(TextDelta(text))
            frozen.flush()

    assert heard == [b""]
    assert frozen.is_fenced
    assert [(item.position, type(item.event)) for item in log_of(valkey, run)] == [(1, TextDelta), (2, RunEnded)]
    assert inspection.answer(run) == "Hel"


def test_the_first_word_of_a_frozen_worker_reaches_nobody_once_its_run_was_put_back(
    ann: Account, sweep: Sweep, valkey: redis.Redis
) -> None:
    run = builders.runs.start(ann, is_streamed=True)
    builders.runs.claim(run)
    frozen = builders.runs.live_log(valkey, run)
    builders.runs.silence_worker(run)

    with listening(valkey, run.channel) as heard:
        sweep()
        frozen.add(TextDelta("Too late"))
        builders.runs.claim(run)
        publish(valkey, run, TextDelta("Hello"), attempt=2)

    assert inspection.state(run) == ("in_progress", 2, 1, "")
    assert frozen.is_fenced
    assert [codec.load_published(message) for message in heard] == [
        (2, [RunEvent(position=1, event=TextDelta("Hello"))])
    ]
    assert log_of(valkey, run) == []


def test_a_sweep_that_was_cut_short_is_repeated(ann: Account, sweep: Sweep, valkey: redis.Redis) -> None:
    run = builders.runs.start(ann, is_streamed=True)
    builders.runs.claim(run)
    publish(valkey, run, TextDelta("Hel"))
    builders.runs.silence_worker(run)
    fences = [
        recover.fence(valkey, run_id=run.public_id, attempt=1, worker_name="w", keep_seconds=60) for _ in range(2)
    ]

    sweep()

    assert [lost.text for lost in fences] == ["Hel", "Hel"]
    assert inspection.state(run) == ("failed", 1, 0, "internal_error")
    assert [(item.position, type(item.event)) for item in log_of(valkey, run)] == [(1, TextDelta), (2, RunEnded)]


def test_an_end_that_finds_its_log_fenced_still_has_its_readers_look(ann: Account, valkey: redis.Redis) -> None:
    """The sweep was cut short between the fence and the row, and the worker came back in time to end the run."""
    run = builders.runs.start(ann, is_streamed=True)
    builders.runs.claim(run)
    thawed = builders.runs.live_log(valkey, run)
    recover.fence(valkey, run_id=run.public_id, attempt=1, worker_name="w", keep_seconds=60)

    with listening(valkey, run.channel) as heard:
        thawed.add(TextDelta("Hello"))
        thawed.end(RunEnded(RunStatus.COMPLETED))

    assert heard == [b""]
    assert log_of(valkey, run) == []
