"""No conversation and no account holds all threads, whatever its callers do."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from conversations import errors
from conversations.views.http import thread_shares
from conversations.views.http.thread_shares import OF_ACCOUNT, OF_CONVERSATION, WAITING_MAX, Share, ThreadShares

# Longer than any test.
PATIENCE = 300.0
ANN, BOB = 1, 2


async def turns() -> None:
    """Lets every task go on as far as it can, and what other threads called too."""
    for _ in range(5):
        await asyncio.sleep(0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_leaves_threads_to_the_other_conversations_of_an_account_and_to_other_accounts() -> None:
    shares = ThreadShares()

    one = [shares.try_take(Share(ANN, "one")) for _ in range(OF_CONVERSATION + 1)]
    others = [shares.try_take(Share(ANN, f"other {number}")) for number in range(OF_ACCOUNT)]

    assert one == [True] * OF_CONVERSATION + [False]
    assert others.count(True) == OF_ACCOUNT - OF_CONVERSATION
    assert shares.try_take(Share(BOB, "one"))


def test_what_has_no_conversation_counts_for_the_account_alone() -> None:
    shares = ThreadShares()

    taken = [shares.try_take(Share(ANN, "")) for _ in range(OF_ACCOUNT + 1)]

    assert taken == [True] * OF_ACCOUNT + [False]


def test_hands_a_share_to_who_has_waited_longest_and_may_go_on() -> None:
    async def test() -> None:
        shares, order = ThreadShares(), []
        for _ in range(OF_CONVERSATION):
            assert shares.try_take(Share(ANN, "one"))
        assert shares.try_take(Share(ANN, "two"))

        async def wait(conversation: str) -> None:
            await shares.take(Share(ANN, conversation), seconds=PATIENCE)
            order.append(conversation)

        waiting = [asyncio.create_task(wait(conversation)) for conversation in ("one", "three", "four")]
        await turns()
        shares.give_back(Share(ANN, "two"))
        await turns()
        assert order == ["three"]
        await asyncio.to_thread(shares.give_back, Share(ANN, "one"))
        await waiting[0]
        assert order == ["three", "one"]
        waiting[2].cancel()

    run(test())


def test_waits_no_longer_than_it_may() -> None:
    async def test() -> None:
        shares = ThreadShares()
        for _ in range(OF_ACCOUNT):
            shares.try_take(Share(ANN, ""))

        with pytest.raises(errors.ServiceUnavailable) as refused:
            await shares.take(Share(ANN, ""), seconds=0.01)

        assert (refused.value.message, refused.value.retry_after) == (thread_shares.LOCKED, 1.0)
        # The one that gave up gets no share later.
        shares.give_back(Share(ANN, ""))
        assert shares.try_take(Share(ANN, ""))
        assert not shares.try_take(Share(ANN, ""))

    run(test())


def test_refuses_at_once_when_too_many_wait() -> None:
    async def test() -> None:
        shares = ThreadShares()
        for _ in range(OF_ACCOUNT):
            shares.try_take(Share(ANN, ""))
        waiting = [asyncio.create_task(shares.take(Share(ANN, ""), seconds=PATIENCE)) for _ in range(WAITING_MAX)]
        await turns()

        with pytest.raises(errors.ServiceUnavailable):
            await shares.take(Share(ANN, ""), seconds=PATIENCE)

        assert shares.try_take(Share(BOB, ""))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    run(test())


@pytest.mark.parametrize("is_granted_first", [False, True])
def test_a_caller_who_leaves_costs_no_share(is_granted_first: bool) -> None:
    async def test() -> None:
        shares = ThreadShares()
        for _ in range(OF_ACCOUNT):
            shares.try_take(Share(ANN, ""))
        waiting = asyncio.create_task(shares.take(Share(ANN, ""), seconds=PATIENCE))
        await turns()

        if is_granted_first:
            shares.give_back(Share(ANN, ""))
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await turns()
        if not is_granted_first:
            shares.give_back(Share(ANN, ""))

        assert shares.try_take(Share(ANN, ""))
        assert not shares.try_take(Share(ANN, ""))

    run(test())
