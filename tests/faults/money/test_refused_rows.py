"""A row that the database refuses, at every point where a paid turn writes one.

The rule: a turn whose end cannot be written costs nothing, and gives back what was reserved for it. A turn that cannot
be reserved for does not begin. Nobody else notices.
"""

from decimal import Decimal

import pytest

from tests.fakes.replies import says
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.expectations import failed
from tests.faults.harness.refusals import ANSWER, CLAIM, FAIL_LOST, FINISH, MARK, START, Refused
from tests.faults.harness.refused_turns import (
    ANSWER_TEXT,
    AT_ONCE_SECONDS,
    NOT_STORED,
    NOT_TAKEN,
    SAYS,
    Log,
    begin,
    outcome_of,
    refused,
)
from tests.faults.money.metered import ENDED_FREE, RESERVED, Purse
from tests.journeys import books
from tests.journeys.clients.aichat import new_id, refusal
from tests.journeys.rows import RUNS
from tests.waiting import eventually

pytestmark = pytest.mark.faults

# What begin and outcome_of ask besides the turn: before it, after it, and of another conversation.
OTHERS = Decimal("0.502") + Decimal("0.503") + Decimal("0.503")


def _of_turn(run_id: str) -> str:
    return f"""EXISTS (SELECT FROM conversations_message m
                       WHERE m.run_id = {run_id} AND strpos(m.parts::text, '{MARK}') > 0)"""


SETTLE = Refused("settle", "ledgerentry", "INSERT", f"NEW.kind = 'settle' AND {_of_turn('NEW.run_id')}")
# The marked answer has ten tokens; no other turn costs as much.
TAKE = Refused("take", "balance", "UPDATE", "NEW.amount = OLD.amount - 0.51")
RESERVE = Refused("reserve", "ledgerentry", "INSERT", "NEW.kind = 'reserve'")
PUT_BY = Refused("put by", "balance", "UPDATE", "NEW.reserved > OLD.reserved")
RAISE = Refused("raise", "activerun", "UPDATE", f"NEW.reserved > OLD.reserved AND {_of_turn('NEW.run_id')}")
ANY_END = Refused("any end", "ledgerentry", "INSERT", f"NEW.kind <> 'reserve' AND {_of_turn('NEW.run_id')}")
# What somebody may do by hand then.
GIVE_BACK = """
from decimal import Decimal
from conversations.models import Run
from conversations.services.money import ledger
from conversations.values.money import Reservation
run = Run.objects.get(public_id="{run_id}")
ledger.release({{run.pk: Reservation(Decimal("0.756"), 1)}}, account_id=run.account_id)
"""


@pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)
@pytest.mark.parametrize("point", [SETTLE, TAKE, FINISH, ANSWER, CLAIM], ids=str)
def test_a_turn_whose_end_is_refused_costs_nothing(
    environment: ProxiedEnvironment, purse: Purse, point: Refused, way: Way
) -> None:
    log = Log(environment)
    with refused(environment, point):
        broken_at = environment.now()
        turn = begin(environment, way)
        outcome = outcome_of(environment, turn, broken_at=broken_at)

    if point is CLAIM:
        assert outcome.result == failed(turn, shown="", attempts=[], calls=0, message=NOT_TAKEN)
    else:
        assert outcome.result == failed(turn, shown=ANSWER_TEXT, attempts=["failed"], calls=1, message=NOT_STORED)
    assert outcome.seconds < AT_ONCE_SECONDS
    assert books.entries(environment.rows, turn.run["public_id"]) == ENDED_FREE
    purse.assert_paid(OTHERS, calls=3)
    log.assert_one_line("claim" if point is CLAIM else "end")


@pytest.mark.parametrize("point", [START, RESERVE, PUT_BY], ids=str)
def test_a_turn_that_cannot_be_reserved_for_does_not_begin(
    environment: ProxiedEnvironment, purse: Purse, point: Refused
) -> None:
    log, counts = Log(environment), environment.rows.counts()
    with refused(environment, point):
        responses = [
            ask(environment.api, way, f"Store {MARK}", thread=new_id(), key=key).wait()
            for way, key in ((Way.JSON, ""), (Way.JSON, new_id()), (Way.UNSTORED, ""))
            if point is not START or way is Way.JSON
        ]

    for response in responses:
        assert response is not None
        assert refusal(response)[:2] == (500, "api_error")
    assert environment.rows.counts() == counts
    purse.assert_paid(Decimal(0), calls=0)
    log.assert_no_text()


def test_a_turn_whose_reservation_cannot_be_raised_fails_and_costs_nothing(
    environment: ProxiedEnvironment, purse: Purse
) -> None:
    with refused(environment, RAISE):
        broken_at = environment.now()
        turn = begin(environment, Way.JSON, says("long " * 200))
        outcome = outcome_of(environment, turn, broken_at=broken_at)

    assert (outcome.run["status"], outcome.calls) == ("failed", 1)
    assert books.entries(environment.rows, turn.run["public_id"]) == ENDED_FREE
    purse.assert_paid(OTHERS, calls=3)


def test_a_lost_turn_whose_end_is_refused_costs_nothing(environment: ProxiedEnvironment, purse: Purse) -> None:
    with refused(environment, FAIL_LOST):
        turn = begin(environment, Way.STREAM, SAYS.stalled_after(1 + 1))
        eventually(lambda: turn.caller.text, bool)
        killed_at = environment.kill("worker")
        outcome = outcome_of(environment, turn, broken_at=killed_at)

    assert (outcome.run["status"], outcome.attempts) == ("failed", {1: "lost"})
    assert books.entries(environment.rows, turn.run["public_id"]) == ENDED_FREE
    purse.assert_paid(OTHERS, calls=3)


def test_a_turn_that_no_entry_can_end_ends_all_the_same(environment: ProxiedEnvironment, purse: Purse) -> None:
    """What stays reserved is a difference, which the comparison reports until somebody gives it back (ADR 50)."""
    with refused(environment, ANY_END):
        turn = begin(environment, Way.JSON)
        run_id = turn.run["public_id"]
        (ended,) = eventually(
            lambda: environment.rows.all(f"SELECT * FROM {RUNS} WHERE public_id = %s", run_id),
            lambda found: found[0]["finished_at"] is not None,
        )
        response = turn.caller.wait()
        environment.plan("A neighbour?", says("Unharmed."))
        assert environment.api.answer("A neighbour?")["answer"] == "Unharmed."

    assert ended["status"] == "failed"
    assert response is not None
    assert refusal(response)[:2] == (500, "api_error")
    assert books.entries(environment.rows, run_id) == [RESERVED]
    with pytest.raises(AssertionError, match="what=left_over"):
        environment.service.manage("reconcile")
    environment.service.in_shell(GIVE_BACK.format(run_id=run_id))
    assert books.entries(environment.rows, run_id) == ENDED_FREE
    purse.assert_paid(Decimal("0.502") + Decimal("0.503"), calls=2)
