"""Whoever else changes a balance is killed before and after its commit: the web process, and a command.

Before it nothing has changed; after it everything has, although nobody was told.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
import requests

from tests.fakes.replies import says
from tests.faults.harness.callers import Caller, Way, ask
from tests.faults.harness.crashes import frozen
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.outcomes import wait_for_ends
from tests.faults.harness.points import SAYS_FIRST, Point, Turn
from tests.faults.money.metered import (
    ACCOUNT,
    COMPLETED,
    COST,
    ENDED_FREE,
    FIVE_TOKENS,
    RESERVED,
    STOPPED,
    STOPPED_COST,
    Purse,
)
from tests.journeys import books
from tests.journeys.clients.aichat import MODEL, Api, new_id
from tests.journeys.rows import RUNS
from tests.journeys.service import ROOT
from tests.waiting import eventually

pytestmark = pytest.mark.faults

ACCEPTS = rb"^WITH waiting AS.*INSERT INTO conversations_ledgerentry"
# The transaction that stops a run before a worker had it, or all that wait in a conversation.
RELEASES = rb"'release', ?-given\.reserved"
COMMITS_A_RELEASE = RELEASES + rb".*; COMMIT$"
ENTERS = rb"INSERT INTO \"conversations_ledgerentry\""
COMMITS_AN_ENTRY = ENTERS + rb".*; COMMIT$"

BEFORE_AND_AFTER = pytest.mark.parametrize("is_committed", [False, True], ids=["before the commit", "after the commit"])


@contextmanager
def killed_at(
    environment: ProxiedEnvironment, statement: bytes, commit: bytes, *, is_committed: bool, role: str = "web"
) -> Iterator[None]:
    """Kill the process that sends the statement: while it is held, or once its transaction has committed."""
    with environment.database.hold(commit if is_committed else statement, is_answer=is_committed) as held:
        yield
        held.wait()
        environment.kill(role)


def waiting_turn(environment: ProxiedEnvironment, thread: str) -> tuple[Turn, Turn]:
    """A turn whose vendor is silent, and one that waits behind it in the same conversation, whose vendor will be."""
    turns = []
    for question in ("First?", "Second?"):
        environment.plan(question, SAYS_FIRST.silent())
        newest = environment.newest_run()
        caller = ask(environment.api, Way.JSON, question, thread=thread)
        turns.append(Turn(Point.ASKED, Way.JSON, question, thread, environment.run_after(newest), caller))
        eventually(lambda: len(environment.calls("First?")), lambda calls: calls == 1)
    return turns[0], turns[1]


def entries(environment: ProxiedEnvironment, turn: Turn) -> list[books.Entry]:
    return books.entries(environment.rows, turn.run["public_id"])


@BEFORE_AND_AFTER
def test_turns_that_are_being_accepted(environment: ProxiedEnvironment, purse: Purse, is_committed: bool) -> None:
    """What was accepted is answered and paid, also when its caller was cut off; nothing else is left."""
    environment.plan("Accepted?", *[says(FIVE_TOKENS)] * 2)
    newest, began = environment.newest_run(), environment.now()
    with environment.database.hold(ACCEPTS, is_answer=is_committed) as first:
        stored = ask(environment.api, Way.JSON, "Accepted?", thread=new_id())
        first.wait()
        with killed_at(environment, ACCEPTS, ACCEPTS, is_committed=is_committed):
            unstored = ask(environment.api, Way.UNSTORED, "Accepted?", thread="")

    assert (stored.wait(), unstored.wait()) == (None, None)
    accepted = environment.rows.all(f"SELECT * FROM {RUNS} WHERE id > %s", newest)
    assert len(accepted) == (2 if is_committed else 0)
    turns = [Turn(Point.ACCEPTED, Way.UNSTORED, "Accepted?", "", run, stored) for run in accepted]
    wait_for_ends(environment, turns, broken_at=began)
    assert [entries(environment, turn) for turn in turns] == [COMPLETED] * len(turns)
    purse.assert_paid(len(turns) * COST, calls=len(turns))


@BEFORE_AND_AFTER
def test_a_cancel_of_a_turn_that_waits(environment: ProxiedEnvironment, purse: Purse, is_committed: bool) -> None:
    running, waiting = waiting_turn(environment, new_id())
    url = f"{environment.api.base_url}/api/v1/runs/{waiting.run['public_id']}/cancel"
    began = environment.now()
    with killed_at(environment, RELEASES, COMMITS_A_RELEASE, is_committed=is_committed):
        cancelling = Caller(lambda: requests.post(url, headers=environment.api.headers, timeout=60))

    assert cancelling.wait() is None
    assert entries(environment, waiting) == (ENDED_FREE if is_committed else [RESERVED])
    environment.upstream.release()
    wait_for_ends(environment, [running, waiting], broken_at=began)
    assert entries(environment, running) == COMPLETED
    assert entries(environment, waiting) == (ENDED_FREE if is_committed else COMPLETED)
    purse.assert_paid(COST if is_committed else 2 * COST, calls=1 if is_committed else 2)


@BEFORE_AND_AFTER
def test_a_turn_that_replaces_those_before_it(
    environment: ProxiedEnvironment, purse: Purse, is_committed: bool
) -> None:
    thread = new_id()
    running, waiting = waiting_turn(environment, thread)
    environment.plan("Third?", says(FIVE_TOKENS))
    body, newest = {"model": MODEL, "question": "Third?", "id": thread}, environment.newest_run()
    began = environment.now()
    with killed_at(environment, RELEASES, COMMITS_A_RELEASE, is_committed=is_committed):
        replacing = Caller(lambda: environment.api.post(body, headers={"X-On-Busy": "replace"}))

    assert replacing.wait() is None
    turns = [running, waiting]
    if is_committed:
        turns.append(Turn(Point.ACCEPTED, Way.JSON, "Third?", thread, environment.run_after(newest), replacing))
    else:
        environment.upstream.release()
    wait_for_ends(environment, turns, broken_at=began)
    # The one in progress was stopped before anything had come of its answer.
    expected = [STOPPED, ENDED_FREE, COMPLETED] if is_committed else [COMPLETED, COMPLETED]
    assert [entries(environment, turn) for turn in turns] == expected
    purse.assert_paid(STOPPED_COST + COST if is_committed else 2 * COST, calls=2)


@BEFORE_AND_AFTER
def test_the_erasing_of_an_account_whose_turns_wait(environment: ProxiedEnvironment, is_committed: bool) -> None:
    """The upkeep process dies while it stops them: the next one goes on."""
    name = new_id()
    own = Api(environment.service.base_url, environment.service.create_key(name, "--balance", "2", "--calls", "9"))
    with environment.with_key(own.key) as mine:
        running, waiting = waiting_turn(mine, new_id())
        account_id, began = running.run["account_id"], environment.now()
        # The turn that waits must still wait when it is stopped.
        with (
            frozen(environment, "worker"),
            killed_at(environment, RELEASES, COMMITS_A_RELEASE, is_committed=is_committed, role="upkeep"),
        ):
            environment.service.in_shell(ERASES.format(account_id=account_id))
        wait_for_ends(mine, [running, waiting], broken_at=began)
        environment.upstream.release()

    # Before the next upkeep process stops it, the worker may have taken up the turn that waits.
    ended = [entries(environment, turn) for turn in (running, waiting)]
    assert ended in ([[STOPPED, ENDED_FREE]] if is_committed else [[STOPPED, ENDED_FREE], [STOPPED, STOPPED]])
    stopped = ended.count(STOPPED)
    left = "SELECT amount, reserved, calls_left FROM conversations_balance WHERE account_id = %s"
    assert environment.rows.all(left, account_id) == [
        {"amount": 2 - stopped * STOPPED_COST, "reserved": 0, "calls_left": 9 - stopped}
    ]
    books.assert_balanced(environment.rows)


ERASES = """
from conversations.services.erasures import begin
begin.erase_account(account_id={account_id}, requested_by="test")
"""
REFUNDS = """
from decimal import Decimal
from conversations.models import Run
from conversations.services.money import balances
balances.refund(run=Run.objects.get(public_id="{run_id}"), amount=Decimal("0.105"))
"""


def top_up(environment: ProxiedEnvironment) -> tuple[list[str], Decimal]:
    return ["top_up", "--account", ACCOUNT, "--amount", "5"], Decimal(5)


def refund(environment: ProxiedEnvironment) -> tuple[list[str], Decimal]:
    environment.plan("Refunded?", says(FIVE_TOKENS))
    run_id = environment.api.ask("Refunded?", id=new_id()).headers["X-Run-Id"]
    return ["shell", "--no-imports", "--command", REFUNDS.format(run_id=run_id)], Decimal("0.105")


@BEFORE_AND_AFTER
@pytest.mark.parametrize("change", [top_up, refund])
def test_a_command_that_adds_to_a_balance(
    environment: ProxiedEnvironment, change: Callable[..., tuple[list[str], Decimal]], is_committed: bool
) -> None:
    arguments, amount = change(environment)
    purse = Purse(environment, ACCOUNT)
    with environment.database.hold(COMMITS_AN_ENTRY if is_committed else ENTERS, is_answer=is_committed) as held:
        command = subprocess.Popen([sys.executable, str(ROOT / "manage.py"), *arguments], env=environment.service.env)
        held.wait()
        books.assert_balanced(environment.rows)
        command.kill()
        command.wait()

    purse.assert_paid(-amount if is_committed else Decimal(0), calls=0)
