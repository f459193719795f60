import asyncio

import pytest

from conversations.relay.inbox import MESSAGE_BYTES, Inbox


async def taken(inbox: Inbox, count: int) -> list[bytes | None]:
    return [await inbox.take() for _ in range(count)]


async def test_keeps_the_order_of_what_fits() -> None:
    inbox = Inbox(most=1_000)
    for message in (b"a", None, b"", b"b"):
        inbox.put(message)

    assert await taken(inbox, 4) == [b"a", None, b"", b"b"]


async def test_drops_what_waits_for_a_look_at_the_log_when_it_becomes_too_much() -> None:
    inbox = Inbox(most=10 * (MESSAGE_BYTES + 1))
    for _ in range(10):
        inbox.put(b"x")
    inbox.put(b"y")
    inbox.put(b"z")

    assert await taken(inbox, 2) == [None, b"z"]


async def test_has_a_look_at_the_log_for_a_message_that_never_fits() -> None:
    inbox = Inbox(most=1_000)

    inbox.put(b"x" * 1_000)

    assert await inbox.take() is None


async def test_has_room_again_for_as_much_as_was_taken() -> None:
    inbox = Inbox(most=2 * (MESSAGE_BYTES + 1))

    for message in (b"1", b"2", b"3", b"4"):
        inbox.put(b"x")
        inbox.put(message)
        assert await taken(inbox, 2) == [b"x", message]


async def test_whoever_stops_waiting_loses_nothing() -> None:
    inbox = Inbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await inbox.take()

    inbox.put(b"x")

    assert await inbox.take() == b"x"
