"""Looking keys up: customers' go on while strangers come in crowds, and a revoked one stops all the same."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from conversations import errors
from conversations.values.callers import Caller
from conversations.views.http import authentication
from conversations.views.http.authentication import FRESH_SECONDS, GOOD_SECONDS, KnownKeys, Strangers

ANN, BEN = Caller(account_id=1, api_key_id=1), Caller(account_id=2, api_key_id=2)
CROWD = authentication.UNKNOWN_KEYS_CONCURRENT + authentication.UNKNOWN_KEYS_QUEUED


class Keys:
    """The database's table of keys. It can be made to hang for those it does not know, or altogether."""

    def __init__(self) -> None:
        self.rows = {"ann": ANN, "ben": BEN}
        self.asked: list[str] = []
        self.answers_strangers = threading.Event()
        self.answers = threading.Event()
        self.answers_strangers.set()
        self.answers.set()

    def look_up(self, secret: str) -> Caller:
        self.asked.append(secret)
        self.answers.wait()
        if secret not in self.rows:
            self.answers_strangers.wait()
            raise errors.InvalidKey
        return self.rows[secret]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def keys() -> Iterator[Keys]:
    table = Keys()
    yield table
    table.answers.set()
    table.answers_strangers.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(keys: Keys, clock: Clock) -> KnownKeys[Caller]:
    return KnownKeys(keys.look_up, clock=clock)


async def crowd(known: KnownKeys[Caller], keys: Keys) -> list[asyncio.Task[Caller]]:
    """As many strangers as there is room for, all of them waiting."""
    keys.answers_strangers.clear()
    strangers = [asyncio.create_task(known.find(f"stranger {number}")) for number in range(CROWD)]
    while len(keys.asked) < authentication.UNKNOWN_KEYS_CONCURRENT:
        await asyncio.sleep(0.001)
    return strangers


async def leave(strangers: list[asyncio.Task[Caller]], keys: Keys) -> list[BaseException | Caller]:
    keys.answers_strangers.set()
    return await asyncio.gather(*strangers, return_exceptions=True)


async def outcome(known: KnownKeys[Caller], secret: str) -> Caller | errors.ParleyError:
    try:
        return await known.find(secret)
    except errors.ParleyError as exc:
        return exc


async def until_looked_up(keys: Keys, times: int) -> None:
    while len(keys.asked) < times:
        await asyncio.sleep(0.001)


async def test_a_key_is_looked_up_once_for_all_who_ask_with_it(known: KnownKeys[Caller], keys: Keys) -> None:
    found = await asyncio.gather(*(known.find("ann") for _ in range(50)))

    assert (found, keys.asked) == ([ANN] * 50, ["ann"])
    assert await known.find("ann") == ANN
    assert keys.asked == ["ann"]


async def test_it_is_looked_up_again_beside_the_requests_it_is_good_for(
    known: KnownKeys[Caller], keys: Keys, clock: Clock
) -> None:
    await known.find("ann")
    clock.now = FRESH_SECONDS
    keys.answers.clear()

    found = await asyncio.gather(*(known.find("ann") for _ in range(50)))

    await until_looked_up(keys, 2)
    assert (found, keys.asked) == ([ANN] * 50, ["ann", "ann"])


async def test_one_that_was_revoked_is_refused_in_time(known: KnownKeys[Caller], keys: Keys, clock: Clock) -> None:
    await known.find("ann")
    del keys.rows["ann"]
    clock.now = GOOD_SECONDS

    with pytest.raises(errors.InvalidKey):
        await known.find("ann")


async def test_one_found_revoked_meanwhile_is_refused_at_the_next_request(
    known: KnownKeys[Caller], keys: Keys, clock: Clock
) -> None:
    await known.find("ann")
    del keys.rows["ann"]
    clock.now = FRESH_SECONDS
    assert await known.find("ann") == ANN
    await until_looked_up(keys, 2)

    while not isinstance(await outcome(known, "ann"), errors.InvalidKey):
        await asyncio.sleep(0.001)


async def test_a_customer_passes_by_a_crowd_of_strangers(known: KnownKeys[Caller], keys: Keys, clock: Clock) -> None:
    await known.find("ann")
    keys.asked.clear()
    strangers = await crowd(known, keys)
    clock.now = 3600.0

    assert await known.find("ann") == ANN

    # Two of them have a thread, and no more.
    assert len(keys.asked) == authentication.UNKNOWN_KEYS_CONCURRENT + 1
    assert {type(one) for one in await leave(strangers, keys)} == {errors.InvalidKey}


async def test_a_stranger_too_many_is_sent_away_at_once(known: KnownKeys[Caller], keys: Keys) -> None:
    strangers = await crowd(known, keys)

    with pytest.raises(errors.ServiceUnavailable) as refused:
        await known.find("one more")

    assert refused.value.retry_after == 1.0
    assert "one more" not in keys.asked
    await leave(strangers, keys)
    with pytest.raises(errors.InvalidKey):
        await known.find("one more")


async def test_strangers_that_leave_give_their_places_back(known: KnownKeys[Caller], keys: Keys) -> None:
    strangers = await crowd(known, keys)
    for stranger in strangers:
        stranger.cancel()
    await leave(strangers, keys)

    while isinstance(found := await outcome(known, "ben"), errors.ServiceUnavailable):
        await asyncio.sleep(0.001)
    assert found == BEN


async def test_it_remembers_so_many_keys_and_no_more(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "KNOWN_KEYS_MAX", 2)
    known = KnownKeys(keys.look_up, clock=Clock())
    keys.rows["cat"] = ANN

    for name in ("ann", "ben", "cat", "ben", "cat", "ann"):
        await known.find(name)

    assert keys.asked == ["ann", "ben", "cat", "ann"]


async def test_accounts_of_client_tokens_share_the_gate_of_unknown_keys(keys: Keys, clock: Clock) -> None:
    strangers = Strangers(clock=clock)
    known = KnownKeys(keys.look_up, strangers=strangers, clock=clock)
    signers = KnownKeys(keys.look_up, strangers=strangers, clock=clock)
    assert await signers.find("ann") == ANN
    waiting = await crowd(known, keys)

    refused = await outcome(signers, "an invented account")
    clock.now = FRESH_SECONDS
    answered = await signers.find("ann")

    assert isinstance(refused, errors.ServiceUnavailable)
    assert answered == ANN
    await leave(waiting, keys)
