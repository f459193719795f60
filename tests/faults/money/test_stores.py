"""Stores that are flushed, killed, restarted or frozen in the middle of paid turns: every one is paid once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pytest

from tests.fakes.replies import says
from tests.faults.harness.callers import Way, ask
from tests.faults.harness.crashes import flush_valkey, frozen, kill_postgres, restart_postgres
from tests.faults.harness.environment import Environment, ProxiedEnvironment, supervised
from tests.faults.harness.outcomes import wait_for_ends
from tests.faults.harness.points import SAYS_FIRST, Point, Turn, bring_to
from tests.faults.money import metered
from tests.faults.money.metered import COMPLETED, COST, EXTENDS, FIVE_TOKENS, RESERVED, Purse
from tests.journeys import books
from tests.journeys.clients.aichat import MODEL, new_id, refusal
from tests.waiting import eventually

pytestmark = pytest.mark.faults

ACCOUNT = "supervised"
# Short, to keep the test short; more callers than threads that ask the database.
DATABASE_TIMEOUT, CALLERS = 2.0, 12
# A turn with an idempotency key is accepted in a transaction of several statements.
COMMITS_A_TURN = rb"INSERT INTO conversations_run\b.*; COMMIT$"
BEFORE_COST = Decimal("0.502")


@pytest.fixture(scope="module")
def supervised_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    env = {"DATABASE_TIMEOUT": str(DATABASE_TIMEOUT)}
    with supervised(tmp_path_factory.mktemp("money"), env=env) as environment:
        environment.service.api_key = metered.open_account(environment, ACCOUNT)
        yield environment


@pytest.fixture
def own(supervised_environment: Environment) -> Environment:
    supervised_environment.reset()
    return supervised_environment


@pytest.mark.parametrize("fault", [flush_valkey, kill_postgres, restart_postgres])
def test_turns_in_the_middle_are_paid_once(own: Environment, fault: Callable[[Environment], float]) -> None:
    purse = Purse(own, ACCOUNT)
    turns = [bring_to(own, Point.MIDSTREAM, way) for way in Way]

    broken_at = fault(own)
    own.upstream.release()
    wait_for_ends(own, turns, broken_at=broken_at)

    assert [books.entries(own.rows, turn.run["public_id"]) for turn in turns] == [COMPLETED] * len(turns)
    stored = sum(turn.way.is_stored for turn in turns)
    purse.assert_paid(len(turns) * COST + stored * BEFORE_COST, calls=len(turns) + stored)


def warm(own: Environment) -> None:
    """Have the web process use every connection that it has."""
    own.plan("Warm?", *[says(FIVE_TOKENS)] * CALLERS)
    with ThreadPoolExecutor(CALLERS) as threads:
        answers = list(threads.map(lambda _: own.api.answer("Warm?")["answer"], range(CALLERS)))
    assert answers == [FIVE_TOKENS] * CALLERS


def test_nothing_is_reserved_for_turns_that_a_frozen_database_was_asked_for(own: Environment) -> None:
    own.plan("Warm?", *[says(FIVE_TOKENS)] * (2 * CALLERS))
    with ThreadPoolExecutor(CALLERS) as threads:
        assert {one["answer"] for one in threads.map(lambda _: own.api.answer("Warm?"), range(CALLERS))} == {
            FIVE_TOKENS
        }
    purse = Purse(own, ACCOUNT)
    body = {"model": MODEL, "question": "Frozen?"}
    calls = [
        *[partial(own.api.ask, "Frozen?", stateful=True)] * CALLERS,
        partial(own.api.ask, "Frozen?"),
        partial(own.api.post, body, headers={"Idempotency-Key": new_id()}),
        partial(own.api.post, {**body, "async": True}),
    ]

    with frozen(own), ThreadPoolExecutor(len(calls)) as threads:
        refused = [asked.result() for asked in [threads.submit(call) for call in calls]]

    assert {refusal(response)[:2] for response in refused} == {(503, "api_error")}
    # Every session has answered since, and so has processed what it was sent meanwhile.
    own.plan("Thawed?", says(FIVE_TOKENS))
    eventually(lambda: own.api.ask("Thawed?").status_code, lambda status: status == 200)
    with ThreadPoolExecutor(CALLERS) as threads:
        assert {one["answer"] for one in threads.map(lambda _: own.api.answer("Warm?"), range(CALLERS))} == {
            FIVE_TOKENS
        }
    assert own.calls("Frozen?") == []
    purse.assert_paid((CALLERS + 1) * COST, calls=CALLERS + 1)


def test_an_answer_that_ends_while_the_database_is_frozen_is_paid_once(own: Environment) -> None:
    purse = Purse(own, ACCOUNT)
    turn = bring_to(own, Point.MIDSTREAM, Way.STREAM)

    with frozen(own):
        own.upstream.release()
        eventually(lambda: turn.caller.text, lambda text: text == FIVE_TOKENS)
    wait_for_ends(own, [turn], broken_at=own.now())

    assert books.entries(own.rows, turn.run["public_id"]) == COMPLETED
    purse.assert_paid(COST + BEFORE_COST, calls=2)


@pytest.mark.parametrize("point", [Point.CLAIMED, Point.COMMITTED], ids=lambda point: point.value)
def test_a_commit_that_was_not_confirmed(environment: ProxiedEnvironment, purse: Purse, point: Point) -> None:
    turn = bring_to(environment, point, Way.JSON)
    assert turn.held

    broken_at = environment.now()
    turn.held.drop()
    wait_for_ends(environment, [turn], broken_at=broken_at)

    assert books.entries(environment.rows, turn.run["public_id"]) == COMPLETED
    purse.assert_paid(COST + BEFORE_COST, calls=2)


def test_an_answer_that_ends_while_the_database_is_away_is_paid_once(
    environment: ProxiedEnvironment, purse: Purse
) -> None:
    turns = [bring_to(environment, Point.MIDSTREAM, way) for way in (Way.JSON, Way.UNSTORED_STREAM)]

    environment.database.shut()
    environment.upstream.release()
    eventually(lambda: turns[1].caller.text, lambda text: text == FIVE_TOKENS)
    environment.database.open()
    wait_for_ends(environment, turns, broken_at=environment.now())

    assert [books.entries(environment.rows, turn.run["public_id"]) for turn in turns] == [COMPLETED] * 2
    purse.assert_paid(2 * COST + BEFORE_COST, calls=3)


def test_an_answer_goes_on_while_no_more_can_be_reserved_for_it(environment: ProxiedEnvironment, purse: Purse) -> None:
    """The database is away when the reservation is to be raised: what the answer costs is taken at its end."""
    reply = says("long " * 200, "and ", "more")
    environment.plan("Much?", reply.stalled_after(1 + 2))
    newest = environment.newest_run()
    with environment.database.hold(EXTENDS) as held:
        caller = ask(environment.api, Way.STREAM, "Much?", thread=new_id())
        held.wait()
        held.drop()
    environment.upstream.release()
    run = environment.run_after(newest)
    turn = Turn(Point.MIDSTREAM, Way.STREAM, "Much?", "", run, caller)
    wait_for_ends(environment, [turn], broken_at=environment.now())

    caller.wait()
    assert caller.text == "long " * 200 + "and more"
    # 202 tokens: the estimate was too high, and what is reserved suffices.
    assert books.entries(environment.rows, run["public_id"]) == [RESERVED, ("settle", "-0.702", "-0.756", 0)]
    purse.assert_paid(Decimal("0.702"), calls=1)


def test_a_turn_whose_acceptance_was_not_confirmed_is_paid_once(environment: ProxiedEnvironment, purse: Purse) -> None:
    """The commit arrives, its answer does not: the caller asks again with its key, and joins its turn."""
    environment.plan("Once?", SAYS_FIRST)
    newest = environment.newest_run()
    with environment.database.hold(COMMITS_A_TURN, is_answer=True) as held:
        first = ask(environment.api, Way.JSON, "Once?", thread="paid-once", key="paid-once")
        held.wait()

    refused = first.wait()
    again = ask(environment.api, Way.JSON, "Once?", thread="paid-once", key="paid-once").wait()

    assert refused is not None
    assert refusal(refused)[:2] == (503, "api_error")
    assert again is not None
    assert again.json()["answer"] == FIVE_TOKENS
    assert books.entries(environment.rows, environment.run_after(newest)["public_id"]) == COMPLETED
    purse.assert_paid(COST, calls=1)
