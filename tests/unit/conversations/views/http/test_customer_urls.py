"""One account's lookups wait for each other, never for another account's; and never for long."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from conversations import errors
from conversations.outbound import guard
from conversations.outbound.guard import CheckedUrl
from conversations.views.http.customer_urls import AccountThreads, checked

ANN, BOB = 1, 2
URL = CheckedUrl("https://hooks.example/")


class Hanging:
    """A check whose resolver answers when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self) -> CheckedUrl:
        self.begun.release()
        assert self.go.wait(30)
        return URL

    async def wait_until_begun(self, count: int = 1) -> None:
        for _ in range(count):
            assert await asyncio.to_thread(self.begun.acquire, timeout=30)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    check = Hanging()
    yield check
    check.go.set()


async def test_one_accounts_hanging_names_delay_no_other_account(hanging: Hanging) -> None:
    threads = AccountThreads(threads=4, per_account=2, wait_seconds=30.0)
    of_ann = [asyncio.ensure_future(threads.run(hanging, account_id=ANN)) for _ in range(60)]
    await hanging.wait_until_begun(2)

    assert await threads.run(lambda: URL, account_id=BOB) == URL
    assert not any(one.done() for one in of_ann)
    hanging.go.set()
    assert await asyncio.gather(*of_ann) == [URL] * 60


async def test_whoever_waits_too_long_is_told_to_come_back(hanging: Hanging) -> None:
    threads = AccountThreads(per_account=1, wait_seconds=0.01)
    first = asyncio.ensure_future(threads.run(hanging, account_id=ANN))
    await hanging.wait_until_begun()

    with pytest.raises(errors.RateLimited) as refused:
        await threads.run(lambda: URL, account_id=ANN)

    assert refused.value.retry_after == 0.01
    hanging.go.set()
    assert await first == URL


async def test_whoever_leaves_keeps_the_place_until_the_resolver_is_done(hanging: Hanging) -> None:
    threads = AccountThreads(per_account=1, wait_seconds=0.01)
    left = asyncio.ensure_future(threads.run(hanging, account_id=ANN))
    await hanging.wait_until_begun()
    left.cancel()

    with pytest.raises(errors.RateLimited):
        await threads.run(lambda: URL, account_id=ANN)


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "http://[2606:4700:4700::1111]/", "http://127.1/", "no url", "x:"])
def test_what_is_no_name_needs_no_lookup(url: str) -> None:
    assert not guard.needs_lookup(url)


async def test_an_address_is_judged_at_once() -> None:
    assert await checked("http://8.8.8.8/hook", param="url", account_id=ANN) == "http://8.8.8.8/hook"
    with pytest.raises(errors.InvalidRequest, match="not public"):
        await checked("http://10.0.0.1/hook", param="url", account_id=ANN)
