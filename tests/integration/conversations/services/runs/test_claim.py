"""The claim of a run: once, in the order of its conversation."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import redis
from django.db import transaction

from conversations.models import Account, ActiveRun, Run
from conversations.services.runs import claim, finish
from conversations.services.runs.claim import ClaimOutcome
from providers.messages import TextPart
from tests import builders
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db


def state(run: Run) -> tuple[str, int, int]:
    return inspection.state(run)[:3]


def test_claim_takes_a_run_once(ann: Account) -> None:
    run = builders.runs.start(ann, "Hello", preset="Be brief")
    worker_id = builders.runs.worker()

    claimed = builders.runs.claim(run, worker_id=worker_id)

    inputs = inspection.inputs(claimed)
    assert (claimed.pk, claimed.attempt, claimed.preset_text) == (run.pk, 1, "Be brief")
    assert (inspection.history(claimed), inputs.options) == ([], {})
    assert [message.parts for message in inputs.messages] == [(TextPart("Hello"),)]
    assert state(run) == ("in_progress", 1, 0)
    assert run.active.worker_id == worker_id
    assert builders.runs.try_claim(run) is ClaimOutcome.TAKEN
    assert state(run) == ("in_progress", 1, 0)


def test_claim_respects_the_order_of_a_conversation(ann: Account) -> None:
    first, second, other = (
        builders.runs.start(ann, "1"),
        builders.runs.start(ann, "2"),
        builders.runs.start(ann, conversation_id="other"),
    )

    assert builders.runs.try_claim(second) is ClaimOutcome.NOT_NEXT
    claimed = builders.runs.claim(first)
    assert builders.runs.try_claim(second) is ClaimOutcome.NOT_NEXT
    builders.runs.claim(other)
    finish.finish(run=claimed, report=builders.runs.report("One"))
    late = builders.runs.claim(second)

    assert inspection.history(late) == ["1", "One"]
    assert state(second) == ("in_progress", 1, 0)


def test_claim_of_an_ended_or_unknown_run_or_another_accounts_takes_nothing(ann: Account, bob: Account) -> None:
    done, waiting, worker_id = builders.runs.answered(ann), builders.runs.start(ann), builders.runs.worker()

    assert builders.runs.try_claim(done) is ClaimOutcome.TAKEN
    assert claim.claim(account_id=ann.pk, run_id=10**9, worker_id=worker_id) is ClaimOutcome.TAKEN
    assert claim.claim(account_id=bob.pk, run_id=waiting.pk, worker_id=worker_id) is ClaimOutcome.TAKEN
    assert state(waiting) == ("queued", 0, 0)
    assert state(done) == ("completed", 1, 0)


@pytest.mark.django_db(transaction=True)
def test_claim_leaves_a_run_alone_that_somebody_else_is_changing(ann: Account) -> None:
    run = builders.runs.start(ann)

    with transaction.atomic(), ThreadPoolExecutor(1) as elsewhere:
        ActiveRun.objects.select_for_update().get(pk=run.pk)
        outcome = elsewhere.submit(builders.locks.hung_up, partial(builders.runs.try_claim, run)).result()

    assert outcome is ClaimOutcome.LOCKED
    assert state(run) == ("queued", 0, 0)


def test_claim_says_that_a_run_is_held(ann: Account, valkey: redis.Redis) -> None:
    worker_id = builders.runs.worker(threads=1)
    first, second = builders.runs.start(ann, is_stored=False), builders.runs.start(ann, is_stored=False)
    builders.runs.claim(first, worker_id=worker_id)

    assert builders.runs.try_claim(second, worker_id=worker_id) is ClaimOutcome.HELD
    assert state(second) == ("queued", 0, 0)
    assert second.active.woken_at is None


def test_a_claim_and_the_end_write_the_run_itself_once(ann: Account) -> None:
    run = builders.runs.start(ann, preset="Be brief")
    before = Run.objects.filter(pk=run.pk).values().get()

    claimed = builders.runs.claim(run)
    assert Run.objects.filter(pk=run.pk).values().get() == before
    finish.finish(run=claimed, report=builders.runs.report("Hi."))

    run.refresh_from_db()
    assert (run.attempt, run.ended_as, run.preset_text) == (1, "", "Be brief")
    assert run.claimed_at is not None
    assert not ActiveRun.objects.exists()


def test_an_end_keeps_the_preset_that_the_conversation_had(ann: Account) -> None:
    builders.runs.answered(ann, "1", preset="Be brief")

    second = builders.runs.start(ann, "2")
    claimed = builders.runs.claim(second)
    finish.finish(run=claimed, report=builders.runs.report("Two"))

    second.refresh_from_db()
    assert (claimed.preset_text, second.preset_text) == ("Be brief", "Be brief")
    assert inspection.conversation(ann).preset_text == "Be brief"
