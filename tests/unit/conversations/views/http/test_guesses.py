"""An address that sends wrong keys: its unknown keys are looked up one by one, and none is refused for others."""

import asyncio

import pytest
from django.conf import LazySettings

from conversations import errors
from conversations.values.callers import Caller
from conversations.views.http import guesses
from conversations.views.http.guesses import FREE_PER_MINUTE, QUEUED_PER_ADDRESS, Guesses

ANN = Caller(account_id=1, api_key_id=2)
HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Lookups:
    """Counts look-ups at once. A wrong key is one that is not `right`."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self.guesses = Guesses(clock=clock or Clock())
        self.looking = 0
        self.most = 0

    async def ask(self, key: str, address: str = HOME) -> Caller:
        return await self.guesses.look_up(address, lambda: self._look_up(key))

    async def _look_up(self, key: str) -> Caller:
        self.looking += 1
        self.most = max(self.most, self.looking)
        await asyncio.sleep(0)
        self.looking -= 1
        if key != "right":
            raise errors.InvalidKey
        return ANN

    async def guess(self, times: int, address: str = HOME) -> None:
        for _ in range(times):
            with pytest.raises(errors.InvalidKey):
                await self.ask("wrong", address)


@pytest.fixture(autouse=True)
def pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(guesses, "REFUSAL_SECONDS", 0.001)


async def test_a_few_wrong_keys_are_looked_up_at_once() -> None:
    lookups = Lookups()
    await lookups.guess(FREE_PER_MINUTE - 1)

    await asyncio.gather(*(lookups.ask("wrong") for _ in range(5)), return_exceptions=True)

    assert lookups.most == 5


async def test_after_many_they_are_looked_up_one_by_one() -> None:
    lookups = Lookups()
    await lookups.guess(FREE_PER_MINUTE)

    answers = await asyncio.gather(*(lookups.ask("wrong") for _ in range(20)), return_exceptions=True)

    assert lookups.most == 1
    assert {type(answer) for answer in answers} == {errors.InvalidKey}


async def test_a_right_key_of_the_same_address_is_let_through() -> None:
    lookups = Lookups()
    await lookups.guess(FREE_PER_MINUTE)

    *wrong, right = await asyncio.gather(
        *(lookups.ask("wrong") for _ in range(QUEUED_PER_ADDRESS)), lookups.ask("right"), return_exceptions=True
    )

    assert right == ANN
    assert {type(answer) for answer in wrong} == {errors.InvalidKey}


async def test_other_addresses_do_not_wait() -> None:
    lookups = Lookups()
    await lookups.guess(FREE_PER_MINUTE)

    await asyncio.gather(*(lookups.ask("right", ELSEWHERE) for _ in range(5)))

    assert lookups.most == 5


async def test_who_has_stopped_for_a_minute_is_slowed_no_more() -> None:
    clock = Clock()
    lookups = Lookups(clock=clock)
    await lookups.guess(FREE_PER_MINUTE)
    clock.now = guesses.WINDOW_SECONDS

    await asyncio.gather(*(lookups.ask("right") for _ in range(5)))

    assert lookups.most == 5


async def test_the_queue_of_an_address_is_bounded() -> None:
    lookups = Lookups()
    await lookups.guess(FREE_PER_MINUTE)

    answers = await asyncio.gather(
        *(lookups.ask("wrong") for _ in range(QUEUED_PER_ADDRESS + 10)), return_exceptions=True
    )

    assert [type(answer) for answer in answers].count(errors.ServiceUnavailable) == 9


async def test_whoever_finds_the_queue_full_waits_for_his_refusal(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(guesses, "REFUSAL_SECONDS", 3600.0)
    settings.MAX_CONNECTIONS = 24
    lookups = Lookups()
    await lookups.guess(FREE_PER_MINUTE)
    queued = [asyncio.create_task(lookups.ask("wrong")) for _ in range(1 + QUEUED_PER_ADDRESS)]
    refused = [asyncio.create_task(lookups.ask("wrong")) for _ in range(5)]

    await asyncio.wait(queued)

    assert [task.done() for task in refused] == [False] * 3 + [True] * 2
    for task in refused:
        task.cancel()
    await asyncio.gather(*refused, return_exceptions=True)


async def test_no_more_addresses_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "ADDRESSES_MAX", 2)
    lookups = Lookups()
    await lookups.guess(FREE_PER_MINUTE)
    await lookups.guess(1, ELSEWHERE)
    await lookups.guess(1, "192.0.2.3")

    await asyncio.gather(*(lookups.ask("right") for _ in range(5)))

    assert lookups.most == 5


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8:0:1::1", "2001:db8::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unix", "unix", True),
    ],
)
def test_an_ipv6_client_is_its_network(one: str, other: str, are_same: bool) -> None:
    assert (guesses.network(one) == guesses.network(other)) is are_same
