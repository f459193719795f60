"""The claim of a run: once, in the order of its conversation."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import redis
from django.db import transaction

from conversations.models import Account, ActiveRun, Run
from conversations.services.runs import claim, finish
from conversations.services.runs.claim import ClaimOutcome
from providers.messages import Message as Said
from providers.messages import Role, TextPart, ToolCallPart, ToolResultPart
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


TOOL_TURN = (
    Said(Role.USER, (TextPart("Look it up"),), "ann"),
    Said(Role.ASSISTANT, (ToolCallPart("call_a", "look", '{"at": 1}'),), provider_metadata={"acme": {"b": 1, "a": 2}}),
    Said(Role.TOOL, (ToolResultPart("call_a", (TextPart("Found"),)),)),
)


@pytest.mark.parametrize("is_stored", [True, False])
def test_claim_brings_all_that_the_turn_says(ann: Account, is_stored: bool) -> None:
    run = builders.runs.start(ann, said=TOOL_TURN, is_stored=is_stored)

    claimed = builders.runs.claim(run)

    assert inspection.inputs(claimed).messages == TOOL_TURN
    assert inspection.history(claimed) == []


def test_a_second_attempt_says_the_same_behind_the_same_history(ann: Account) -> None:
    builders.runs.answered(ann, "1", "One")
    run = builders.runs.start(ann, said=TOOL_TURN)
    first = builders.runs.claim(run)
    builders.runs.requeue(run)

    second = builders.runs.claim(run)

    assert second.attempt == 2
    assert inspection.inputs(first).messages == inspection.inputs(second).messages == TOOL_TURN
    assert inspection.history(first) == inspection.history(second) == ["1", "One"]


def test_a_question_that_waited_is_not_its_own_history(ann: Account) -> None:
    first = builders.runs.claim(builders.runs.start(ann, "1"))
    waiting = builders.runs.start(ann, "2")
    builders.runs.start(ann, "3")
    finish.finish(run=first, report=builders.runs.report("One"))

    claimed = builders.runs.claim(waiting)

    assert [message.text for message in inspection.inputs(claimed).messages] == ["2"]
    assert inspection.history(claimed) == ["1", "One"]


def test_a_run_that_the_release_before_accepted_says_what_its_row_says(ann: Account) -> None:
    run = builders.runs.start(ann, "Hello")
    message = {"role": "user", "parts": [{"type": "text", "text": "Hello"}]}
    own = {"messages": [message], "prompt": None, "options": {"temperature": 1}, "reply": {}}
    Run.objects.filter(pk=run.pk).update(request={**(run.request or {}), "version": 1, **own})

    inputs = inspection.inputs(builders.runs.claim(run))

    assert inputs.messages == (Said(Role.USER, (TextPart("Hello"),)),)
    assert (inputs.options, inputs.prompt) == ({"temperature": 1}, ())


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
