"""kill -9 of the worker at every labelled point of a turn that is paid: it is paid once, or not at all.

A turn that is restarted keeps what is reserved for it. One that fails gets its call back.
"""

from decimal import Decimal

import pytest

from tests.fakes.replies import says
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.crashes import crash, expected_of
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.outcomes import wait_for_ends
from tests.faults.harness.points import FINISHES, SECOND, Point, Turn, bring_to
from tests.faults.money.metered import COMPLETED, COST, ENDED_FREE, EXTENDS, RESERVED, Purse
from tests.journeys import books
from tests.journeys.clients.aichat import new_id

pytestmark = pytest.mark.faults

# More than 256 tokens of three bytes each, and fewer than that and a slice.
LONG = "long " * 200
# For half of the bytes that are written, and a slice of 1024 tokens more: 0.5 + (1000 // 3 + 1024) * 0.001 - 0.756.
EXTENDED = ("reserve", "0", "1.101", 0)
PAID_AFTER_EXTENSION = ("settle", "-0.505", "-1.857", 0)


# What stands about each turn: the turn of its conversation before it, and the one after it.
AROUND = Decimal("0.502") + Decimal("0.503")
WAYS = pytest.mark.parametrize("way", [Way.JSON, Way.STREAM], ids=lambda way: way.value)


@WAYS
def test_a_turn_is_paid_once_or_not_at_all(environment: ProxiedEnvironment, purse: Purse, way: Way) -> None:
    outcomes = crash(environment, way)

    paid = 0
    for outcome in outcomes.values():
        expected = expected_of(outcome.turn)
        assert outcome.result == expected
        is_paid = expected.status == "completed"
        entries = books.entries(environment.rows, outcome.run["public_id"])
        assert entries == (COMPLETED if is_paid else ENDED_FREE), outcome.turn
        paid += is_paid
    purse.assert_paid(paid * COST + len(outcomes) * AROUND, calls=paid + 2 * len(outcomes))


@pytest.mark.parametrize("is_extended", [False, True], ids=["before the commit", "after the commit"])
def test_a_turn_whose_reservation_is_being_raised(
    environment: ProxiedEnvironment, purse: Purse, is_extended: bool
) -> None:
    environment.plan("Much?", says(LONG), says(SECOND))
    newest = environment.newest_run()
    with environment.database.hold(EXTENDS, is_answer=is_extended) as held:
        caller = ask(environment.api, Way.JSON, "Much?", thread=new_id())
        held.wait()
        books.assert_balanced(environment.rows)
        killed_at = environment.kill("worker")
    run = environment.run_after(newest)
    wait_for_ends(environment, [Turn(Point.MIDSTREAM, Way.JSON, "Much?", "", run, caller)], broken_at=killed_at)

    response = caller.wait()
    assert response is not None
    assert response.json()["answer"] == SECOND
    entries = books.entries(environment.rows, run["public_id"])
    assert entries == ([RESERVED, EXTENDED, PAID_AFTER_EXTENSION] if is_extended else COMPLETED)
    purse.assert_paid(COST, calls=1)


@pytest.mark.parametrize("is_ended", [False, True], ids=["before the commit", "after the commit"])
def test_a_lost_turn_whose_sweep_dies_too(environment: ProxiedEnvironment, purse: Purse, is_ended: bool) -> None:
    """The sweep is killed while it ends a turn whose worker died: the next one finds it, or finds it ended."""
    turn = bring_to(environment, Point.MIDSTREAM, Way.UNSTORED_STREAM)
    killed_at = environment.kill("worker")
    with environment.database.hold(FINISHES, is_answer=is_ended) as held:
        held.wait()
        environment.kill("upkeep")
    wait_for_ends(environment, [turn], broken_at=killed_at)

    assert environment.rows.all("SELECT ended_as FROM conversations_run WHERE id = %s", turn.run["id"]) == [
        {"ended_as": "failed"}
    ]
    assert books.entries(environment.rows, turn.run["public_id"]) == ENDED_FREE
    purse.assert_paid(Decimal(0), calls=0)
