from collections.abc import Sequence
from typing import Any

import pytest

from conversations import errors
from conversations.views.bodies.budget import BodyBudget
from conversations.views.bodies.incoming import ClientLeft, RequestBody, Unreadable

CHUNKED = [(b"transfer-encoding", b"chunked")]
LEAVING = {"type": "http.disconnect"}


class Client:
    """Sends these messages, one whenever it is asked."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.waiting = list(messages)

    async def receive(self) -> dict[str, Any]:
        return self.waiting.pop(0)


def pieces(*contents: bytes) -> list[dict[str, Any]]:
    messages = [{"type": "http.request", "body": content, "more_body": True} for content in contents]
    messages[-1]["more_body"] = False
    return messages


def length(count: int) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", str(count).encode())]


async def read(body: RequestBody, *, most: int = 100, limit: int = 1000) -> bytes:
    with BodyBudget(limit=limit, largest=most).reserve(1) as reservation:
        return bytes(await body.read(most=most, reservation=reservation))


@pytest.mark.parametrize("headers", [length(6), CHUNKED])
async def test_reads_a_body_whole(headers: Sequence[tuple[bytes, bytes]]) -> None:
    client = Client(*pieces(b"abc", b"", b"def"), LEAVING)
    body = RequestBody(headers, client.receive)
    assert not body.is_over.is_set()

    assert await read(body) == b"abcdef"

    assert body.is_over.is_set()
    assert client.waiting == [LEAVING]


@pytest.mark.parametrize("headers", [[], length(0)])
async def test_a_request_without_a_body_is_over_at_once(headers: Sequence[tuple[bytes, bytes]]) -> None:
    body = RequestBody(headers, Client().receive)

    assert body.is_over.is_set()
    assert await read(body) == b""


async def test_a_length_that_is_too_much_is_refused_unread() -> None:
    client = Client(*pieces(b"a"))

    with pytest.raises(errors.BodyTooLarge):
        await read(RequestBody(length(101), client.receive))

    assert len(client.waiting) == 1


async def test_chunks_are_read_no_further_than_the_bound() -> None:
    client = Client(*pieces(b"a" * 60, b"a" * 41, b"a", b"a"))

    with pytest.raises(errors.BodyTooLarge):
        await read(RequestBody(CHUNKED, client.receive))

    assert len(client.waiting) == 2


async def test_a_body_that_there_is_no_room_for_is_refused_unread() -> None:
    client = Client(*pieces(b"a"))
    budget = BodyBudget(limit=400, largest=100)

    with budget.reserve(1) as earlier, budget.reserve(1) as reservation:
        earlier.grow_to(50)
        with pytest.raises(errors.RateLimited):
            await RequestBody(length(51), client.receive).read(most=100, reservation=reservation)

    assert len(client.waiting) == 1


async def test_whoever_leaves_in_the_middle_ends_it_as_a_cancellation() -> None:
    body = RequestBody(length(6), Client(*pieces(b"abc", b"")[:1], LEAVING).receive)

    with pytest.raises(ClientLeft):
        await read(body)

    assert not body.is_over.is_set()


def test_what_stands_in_djangos_place_cannot_be_read() -> None:
    for attempt in (Unreadable().read, Unreadable().readline):
        with pytest.raises(RuntimeError, match="incoming"):
            attempt()
