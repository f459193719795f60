import asyncio

import pytest

from conversations.relay.inbox import MESSAGE_BYTES, Waiting


async def taken(waiting: Waiting, count: int) -> list[bytes | None]:
    return [await waiting.take() for _ in range(count)]


async def test_keeps_the_order_of_what_fits() -> None:
    waiting = Waiting(most=1_000)
    for message in (b"a", None, b"", b"b"):
        waiting.put(message)

    assert await taken(waiting, 4) == [b"a", None, b"", b"b"]


async def test_drops_what_waits_for_a_look_at_the_log_when_it_becomes_too_much() -> None:
    waiting = Waiting(most=10 * (MESSAGE_BYTES + 1))
    for _ in range(10):
        waiting.put(b"x")
    waiting.put(b"y")
    waiting.put(b"z")

    assert await taken(waiting, 2) == [None, b"z"]


async def test_has_a_look_at_the_log_for_a_message_that_never_fits() -> None:
    waiting = Waiting(most=1_000)

    waiting.put(b"x" * 1_000)

    assert await waiting.take() is None


async def test_has_room_again_for_as_much_as_was_taken() -> None:
    waiting = Waiting(most=2 * (MESSAGE_BYTES + 1))

    for message in (b"1", b"2", b"3", b"4"):
        waiting.put(b"x")
        waiting.put(message)
        assert await taken(waiting, 2) == [b"x", message]


async def test_whoever_stops_waiting_loses_nothing() -> None:
    waiting = Waiting()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await waiting.take()

    waiting.put(b"x")

    assert await waiting.take() == b"x"
