"""The claim of a run: once, in the order of its conversation."""

import pytest

from conversations.models import Account, Run
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
