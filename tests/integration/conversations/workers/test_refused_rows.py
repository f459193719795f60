"""One row that the database refuses, or that nobody can read: what becomes of it, and that it stops nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import DataError, connection
from django.db.models import F
from django.db.models.functions import Now

from conversations.models import Account, IdempotencyKey, Run, RunAttempt, Upkeep, Worker
from conversations.queries import readiness
from conversations.relay import codec
from conversations.rules.runs.run_states import AttemptOutcome
from conversations.services import workers
from conversations.services.runs import finish, readers
from conversations.values.runs import RunStatus
from conversations.workers import retention, sweep
from conversations.workers.runs.process import WorkerProcess
from providers.events import TextDelta
from tests import builders
from tests.fakes.refused_rows import refusing
from tests.integration.conversations import inspection
from tests.integration.conversations.relay.listening import listening

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

PUT_BACK = "OLD.status = 'in_progress' AND NEW.status = 'queued'"


def run_sql(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def of(run: Run, change: str = "true", *, key: str = "id") -> str:
    return f"NEW.{key} = {run.pk} AND {change}"


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Of each error the step, and the row or the class that broke it."""
    facts = [record.msg for record in caplog.records if record.levelname == "ERROR" and isinstance(record.msg, dict)]
    return [(str(fact["step"]), str(fact.get("row", fact["event"]))) for fact in facts]


@contextmanager
def refused_to(run: Run) -> Iterator[None]:
    """Both of its rows stay as they are."""
    with (
        refusing(run_sql, "run", "UPDATE", when=of(run)),
        refusing(run_sql, "activerun", "UPDATE", when=of(run, key="run_id")),
    ):
        yield


def lose(owner: Account, name: str) -> Run:
    run = builders.runs.start(owner, conversation_id=name)
    builders.runs.claim(run)
    builders.runs.silence_worker(run)
    return run


def test_a_run_that_cannot_be_put_back_ends_and_the_others_go_on(
    ann: Account, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = lose(ann, "bad"), lose(ann, "good")
    later = builders.runs.start(ann, conversation_id="bad")

    with refusing(run_sql, "activerun", "UPDATE", when=of(bad, PUT_BACK, key="run_id")):
        sweep.sweep()

    assert inspection.state(bad) == ("failed", 1, 0, "internal_error")
    assert bad.error_message == "The answer could not be stored."
    assert inspection.state(good) == ("queued", 1, 1, "")
    assert list(RunAttempt.objects.filter(run=bad).values_list("number", "outcome", "error_code")) == [
        (1, "lost", "internal_error")
    ]
    assert builders.runs.claim(later).attempt == 1
    assert logged(caplog) == [("recover", bad.public_id)]


def test_a_run_that_cannot_be_ended_either_is_logged_once(ann: Account, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is refused of it: every sweep finds it again."""
    bad, good = lose(ann, "bad"), lose(ann, "good")

    with refused_to(bad):
        for _ in range(3):
            sweep.sweep()

    assert inspection.state(bad) == ("in_progress", 1, 0, "")
    assert inspection.state(good) == ("queued", 1, 1, "")
    assert logged(caplog) == [("recover", bad.public_id)]
    # It was not the sweep's fault: the others were looked after.
    assert Upkeep.objects.get().finished_at is not None
    sweep.sweep()
    assert inspection.state(bad) == ("queued", 1, 1, "")


def test_a_waiting_run_that_cannot_be_given_up_keeps_no_other_waiting(
    ann: Account, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = builders.runs.start(ann, conversation_id="bad"), builders.runs.start(ann, conversation_id="good")
    for run in (bad, good):
        builders.runs.age(run, seconds=301, column="queued_at")

    with refusing(run_sql, "run", "UPDATE", when=of(bad)):
        sweep.sweep()

    assert [inspection.state(run)[0] for run in (bad, good)] == ["queued", "failed"]
    assert ("time_out", bad.public_id) in logged(caplog)


def test_a_log_that_this_release_cannot_read_is_recovered_up_to_there(ann: Account, valkey: redis.Redis) -> None:
    run = builders.runs.start(ann, is_streamed=True)
    builders.runs.claim(run)
    log = builders.runs.live_log(valkey, run)
    log.add(TextDelta("Hel"))
    key = codec.log_key(run.public_id, 1)
    valkey.xadd(key, {"e": b'{"e":"hologram"}'}, id="2-0")
    valkey.xadd(key, {"e": b"\xff no JSON"}, id="3-0")
    builders.runs.silence_worker(run)

    with listening(valkey, run.channel) as heard:
        sweep.sweep()

    assert inspection.state(run) == ("failed", 1, 0, "internal_error")
    assert inspection.answer(run) == "Hel"
    assert heard == [b""]
    # Its end stands behind all that was ever in it.
    last: Any = valkey.xrevrange(key, count=1)
    assert last[0][0] == b"4-0"


def test_a_log_of_which_nothing_can_be_read_counts_as_seen(ann: Account, valkey: redis.Redis) -> None:
    run = builders.runs.start(ann, is_streamed=True)
    builders.runs.claim(run)
    valkey.xadd(codec.log_key(run.public_id, 1), {"e": b"[]"}, id="1-0")
    builders.runs.silence_worker(run)

    sweep.sweep()

    assert inspection.state(run) == ("failed", 1, 0, "internal_error")
    assert inspection.answer(run) is None


def test_a_log_that_is_no_log_ends_its_run(ann: Account, valkey: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = lose(ann, "bad"), lose(ann, "good")
    valkey.set(codec.log_key(bad.public_id, 1), "something else")

    sweep.sweep()

    assert [inspection.state(run)[0] for run in (bad, good)] == ["failed", "queued"]
    assert logged(caplog) == [("recover", bad.public_id)]


def test_a_redis_that_is_away_ends_no_run_but_later_steps_go_on(ann: Account, valkey: redis.Redis) -> None:
    lost, overdue = lose(ann, "lost"), builders.runs.start(ann, conversation_id="overdue")
    builders.runs.age(overdue, seconds=301, column="queued_at")
    valkey.config_set("maxmemory", 1)
    try:
        sweep.sweep()
    finally:
        valkey.config_set("maxmemory", 0)

    assert inspection.state(lost) == ("in_progress", 1, 0, "")
    assert inspection.state(overdue) == ("failed", 0, 0, "conversation_busy")
    assert Upkeep.objects.get().finished_at is None


def test_a_run_that_cannot_be_erased_keeps_no_other(ann: Account, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = builders.runs.answered(ann, is_stored=False), builders.runs.answered(ann, is_stored=False)

    with refusing(run_sql, "run", "UPDATE", when=of(bad)):
        for _ in range(2):
            readers.erase_unstored(run_ids=[bad.pk, good.pk])

    for run in (bad, good):
        run.refresh_from_db()
    assert [run.request is None for run in (bad, good)] == [False, True]
    assert logged(caplog) == [("erase_runs", str(bad.pk))]


def test_a_key_that_cannot_expire_keeps_no_other(ann: Account) -> None:
    for name in ("bad", "good"):
        IdempotencyKey.objects.create(account=ann, key=name, body_hash=b"")
    IdempotencyKey.objects.update(created_at=F("created_at") - timedelta(hours=25))

    with refusing(run_sql, "idempotencykey", "DELETE", when="OLD.key = 'bad'"):
        assert retention.delete_old(seconds=60)

    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["bad"]


def test_a_refused_claim_is_the_callers_to_see(ann: Account) -> None:
    run = builders.runs.start(ann)

    with refused_to(run), pytest.raises(DataError):
        builders.runs.try_claim(run)

    assert inspection.state(run) == ("queued", 0, 0, "")


def test_an_end_is_not_written_in_part(ann: Account) -> None:
    run = builders.runs.start(ann)
    claimed = builders.runs.claim(run)

    with refusing(run_sql, "runattempt", "INSERT", when="true"), pytest.raises(DataError):
        finish.finish(run=claimed, report=builders.runs.report("Hi."))

    assert inspection.state(run) == ("in_progress", 1, 0, "")
    assert inspection.messages(run) == [("user", "Hello")]
    with refusing(run_sql, "runattempt", "INSERT", when="true"):
        ended = finish.fail_refused(
            account_id=ann.pk, run_id=run.pk, attempt=1, worker_name="w1", is_lost=False, upstream_calls=1
        )
    assert ended is not None
    assert ended.status is RunStatus.FAILED
    assert inspection.state(run) == ("failed", 1, 0, "internal_error")
    assert not RunAttempt.objects.exists()
    assert finish.fail_refused(account_id=ann.pk, run_id=run.pk, attempt=1, worker_name="w1", is_lost=False) is None


def test_a_worker_keeps_its_heartbeat_beside_a_run_it_cannot_put_back(
    ann: Account, process: WorkerProcess, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = builders.runs.start(ann, conversation_id="bad"), builders.runs.start(ann, conversation_id="good")
    for run in (bad, good):
        builders.runs.claim(run, worker_id=process.worker_id)
        builders.runs.age(run, seconds=9, column="claimed_at")
    Worker.objects.update(heartbeat_at=Now() - timedelta(seconds=30))

    with refused_to(bad):
        for _ in range(3):
            process.tick(next_heartbeat=0.0)

    assert [inspection.state(run)[0] for run in (bad, good)] == ["in_progress", "queued"]
    assert readiness.missing() == ["upkeep", "sweep"]
    assert logged(caplog) == [("recover", bad.public_id)]


def test_a_worker_survives_whatever_a_step_raises(process: WorkerProcess, caplog: pytest.LogCaptureFixture) -> None:
    def breaks() -> None:
        raise ValueError("of no class that anybody foresaw")

    aborted: list[str] = []
    with process.track(run_id=1, deadline_seconds=0) as first, process.track(run_id=2, deadline_seconds=0) as two:
        first.attach(breaks)
        two.attach(lambda: aborted.append("two"))
        for _ in range(3):
            process.tick(next_heartbeat=0.0)

    assert aborted == ["two"] * 3
    assert two.aborted_as == AttemptOutcome.DEADLINE
    assert readiness.missing() == ["upkeep", "sweep"]
    assert logged(caplog) == [("abort 1", "step_broke")]


def test_a_worker_reports_its_threads_that_died(process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(process.flusher), "is_well", False)
    monkeypatch.setattr(type(process.board), "is_well", False)

    process.tick(next_heartbeat=0.0)

    assert Worker.objects.get().failing == "relay-flusher,upstream-board"
    assert readiness.missing() == ["worker", "upkeep", "sweep"]


def test_readiness_names_what_is_missing_of_workers_and_sweep(process: WorkerProcess) -> None:
    workers.register(name="u1", queue="upkeep,webhooks", threads=4)
    missing = [readiness.missing()]

    sweep.sweep()
    missing.append(readiness.missing())
    Upkeep.objects.update(finished_at=Now() - timedelta(seconds=61))
    missing.append(readiness.missing())
    Worker.objects.filter(name="u1").update(heartbeat_at=Now() - timedelta(seconds=9))
    missing.append(readiness.missing())
    process.stop()
    missing.append(readiness.missing())
    sweep.sweep()
    missing.append(readiness.missing())

    assert missing == [
        ["sweep"],
        [],
        ["sweep"],
        ["upkeep", "sweep"],
        ["worker", "upkeep", "sweep"],
        ["worker", "upkeep"],
    ]
