"""A transaction that PostgreSQL aborts in a deadlock is repeated as a whole; what follows its commit happens once.

So is one for which the database is away, and nothing that it refuses.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from conversations.models import Account
from conversations.services.transactions import AWAY_PAUSES, PAUSES, retry_on_deadlock, retry_while_away
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db(transaction=True)


def rename(owner: Account, name: str) -> None:
    Account.objects.filter(pk=owner.pk).update(name=name)


class Crossing:
    """Renames two accounts in the order given; at its first try not before the other has renamed one as well."""

    def __init__(self, name: str, meeting: threading.Barrier, first: Account, second: Account) -> None:
        self.name, self.meeting, self.accounts = name, meeting, (first, second)
        self.tries = 0
        self.committed: list[str] = []

    @retry_on_deadlock
    def cross(self) -> str:
        self.tries += 1
        with transaction.atomic():
            transaction.on_commit(partial(self.committed.append, self.name))
            rename(self.accounts[0], f"{self.name}-1")
            if self.tries == 1:
                self.meeting.wait(30)
            rename(self.accounts[1], f"{self.name}-2")
        return self.name

    def run(self) -> str:
        try:
            return self.cross()
        finally:
            connection.close()


def test_a_deadlocked_transaction_is_repeated_and_its_callbacks_run_once() -> None:
    ann, bob = AccountFactory.create(name="ann"), AccountFactory.create(name="bob")
    meeting = threading.Barrier(2)
    both = [Crossing("left", meeting, ann, bob), Crossing("right", meeting, bob, ann)]

    with ThreadPoolExecutor(2) as threads:
        done = [future.result(30) for future in [threads.submit(one.run) for one in both]]

    assert done == ["left", "right"]
    assert [one.committed for one in both] == [["left"], ["right"]]
    assert sorted(one.tries for one in both) == [1, 2]
    ann.refresh_from_db()
    bob.refresh_from_db()
    assert {ann.name, bob.name} in ({"left-1", "left-2"}, {"right-1", "right-2"})


DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION 'one more' USING ERRCODE = '{code}'; END $$"


def broken(code: str, tries: list[int]) -> None:
    tries.append(1)
    with connection.cursor() as cursor:
        cursor.execute(DEADLOCK.format(code=code))


@pytest.mark.parametrize("code", ["40P01", "40001"])
def test_one_that_is_broken_off_again_and_again_fails_in_the_end(code: str) -> None:
    tries: list[int] = []

    with pytest.raises(OperationalError, match="one more"):
        retry_on_deadlock(broken)(code, tries)

    assert len(tries) == len(PAUSES) + 1


@pytest.mark.parametrize(
    ("code", "error"), [("55P03", OperationalError), ("22021", DataError), ("23505", IntegrityError)]
)
def test_what_fails_for_another_reason_is_not_repeated(code: str, error: type[Exception]) -> None:
    tries: list[int] = []

    with pytest.raises(error, match="one more"):
        retry_on_deadlock(broken)(code, tries)

    assert len(tries) == 1


def test_only_the_outermost_transaction_is_begun_anew() -> None:
    tries: list[int] = []

    with pytest.raises(OperationalError), transaction.atomic():
        retry_on_deadlock(broken)("40P01", tries)

    assert len(tries) == 1


ADMIN_SHUTDOWN = "57P01"


def test_a_write_is_repeated_until_the_database_is_there_again() -> None:
    tries: list[int] = []
    logged: list[Exception] = []
    waited: list[float] = []

    def write() -> str:
        if len(tries) < 2:
            broken(ADMIN_SHUTDOWN, tries)
        return "written"

    assert retry_while_away(write, log_away=logged.append, wait=waited.append) == "written"
    assert [type(exc) for exc in logged] == [OperationalError, OperationalError]
    assert waited == list(AWAY_PAUSES[:2])


def test_a_database_that_stays_away_is_told_after_the_last_pause() -> None:
    tries: list[int] = []
    waited: list[float] = []

    with pytest.raises(OperationalError, match="one more"):
        retry_while_away(partial(broken, ADMIN_SHUTDOWN, tries), log_away=lambda _: None, wait=waited.append)

    assert waited == list(AWAY_PAUSES)
    assert len(tries) == len(AWAY_PAUSES) + 1


@pytest.mark.parametrize(("code", "error"), [("22021", DataError), ("23505", IntegrityError)])
def test_what_the_database_refuses_is_not_written_again(code: str, error: type[Exception]) -> None:
    tries: list[int] = []
    waited: list[float] = []

    with pytest.raises(error, match="one more"):
        retry_while_away(partial(broken, code, tries), log_away=lambda _: None, wait=waited.append)

    assert (len(tries), waited) == (1, [])
