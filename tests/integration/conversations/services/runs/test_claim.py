"""The claim of a run: once, in the order of its conversation."""

import pytest

from conversations.models import Account, Run
from conversations.services.runs import claim, finish
from providers.messages import TextPart
from tests.integration.conversations import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Account:
    return making.account("ann")


def state(run: Run) -> tuple[str, int, int]:
    run.refresh_from_db()
    return run.status, run.attempt, run.attempts_lost


def test_claim_takes_a_run_once(ann: Account) -> None:
    run = making.start(ann, "Hello", preset="Be brief")
    worker_id = making.worker()

    claimed = making.claim(run, worker_id=worker_id)

    inputs = making.inputs(claimed)
    assert (claimed.pk, claimed.attempt, claimed.preset_text) == (run.pk, 1, "Be brief")
    assert (making.history(claimed), inputs.options) == ([], {})
    assert [message.parts for message in inputs.messages] == [(TextPart("Hello"),)]
    assert state(run) == ("in_progress", 1, 0)
    assert run.worker_id == worker_id
    assert claim.claim(run_id=run.pk, worker_id=making.worker()) is None
    assert state(run) == ("in_progress", 1, 0)


def test_claim_respects_the_order_of_a_conversation(ann: Account) -> None:
    first, second, other = making.start(ann, "1"), making.start(ann, "2"), making.start(ann, conversation_id="other")

    assert claim.claim(run_id=second.pk, worker_id=making.worker()) is None
    claimed = making.claim(first)
    assert claim.claim(run_id=second.pk, worker_id=making.worker()) is None
    making.claim(other)
    finish.finish(run=claimed, report=making.report("One"))
    late = making.claim(second)

    assert making.history(late) == ["1", "One"]
    assert state(second) == ("in_progress", 1, 0)


def test_claim_of_an_ended_or_unknown_run_is_none(ann: Account) -> None:
    done = making.answered(ann)

    assert claim.claim(run_id=done.pk, worker_id=making.worker()) is None
    assert claim.claim(run_id=10**9, worker_id=making.worker()) is None
    assert state(done) == ("completed", 1, 0)
