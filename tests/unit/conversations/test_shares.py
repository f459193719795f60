"""Who may hold a place or a thread now, and that it is given back whatever happens."""

import threading
from collections.abc import Iterator

import pytest

from conversations.shares import SharedThreads, Shares

PATIENCE_SECONDS = 30.0
# No machine has so much for the stack of a thread.
STACK_BYTES = 2**46


@pytest.fixture
def no_thread() -> Iterator[None]:
    threading.stack_size(STACK_BYTES)
    yield
    threading.stack_size(0)


def test_an_owner_has_half_of_the_places_and_leaves_one_to_the_next() -> None:
    shares = Shares(4)

    held = [shares.begin(owner, seconds=0) for owner in (1, 1, 1, 2)]

    assert held == [True, True, False, True]
    assert shares.under_way == {1: 2, 2: 1}


def test_a_place_that_is_given_back_goes_to_whoever_waits_for_it() -> None:
    shares = Shares(2)
    shares.begin(1, seconds=0)
    taken: list[bool] = []
    waiting = threading.Thread(target=lambda: taken.append(shares.begin(2, seconds=60)))
    assert not shares.begin(1, seconds=0)

    waiting.start()
    shares.end(1)
    waiting.join(timeout=60)

    assert taken == [True]
    assert shares.under_way == {2: 1}


def test_who_is_not_waited_for_any_more_waits_no_longer() -> None:
    shares = Shares(2)
    shares.begin(1, seconds=0)
    answers = iter([True, True, False])

    assert not shares.begin(1, seconds=600, is_wanted=lambda: next(answers))

    assert list(answers) == []
    assert shares.under_way == {1: 1}


def test_owners_that_hold_no_place_are_forgotten() -> None:
    shares = Shares(2)
    shares.begin(1, seconds=0)

    shares.end(1)

    assert list(shares.under_way) == []


def test_an_owner_gets_half_of_the_threads_and_another_always_some() -> None:
    threads, may_end = SharedThreads(8, name="work"), threading.Event()

    begun = {owner: [threads.begin(owner, may_end.wait) for _ in range(8)] for owner in (1, 2, 3)}

    assert [sum(one is not None for one in of_owner) for of_owner in begun.values()] == [4, 2, 1]
    may_end.set()
    for future in (one for of_owner in begun.values() for one in of_owner if one is not None):
        assert future.result(PATIENCE_SECONDS) is True
    again = threads.begin(1, lambda: "free")
    assert again is not None
    assert again.result(PATIENCE_SECONDS) == "free"


def test_where_the_system_allows_no_thread_none_is_begun_and_the_place_is_free(no_thread: None) -> None:
    threads = SharedThreads(2, name="work")

    assert [threads.begin(1, lambda: "done") for _ in range(3)] == [None, None, None]

    threading.stack_size(0)
    begun = threads.begin(1, lambda: "done")
    assert begun is not None
    assert begun.result(PATIENCE_SECONDS) == "done"


def test_work_that_raises_gives_its_thread_back() -> None:
    threads = SharedThreads(2, name="work")

    for _ in range(3):
        future = threads.begin(1, lambda: 1 // 0)
        assert future is not None
        with pytest.raises(ZeroDivisionError):
            future.result(PATIENCE_SECONDS)
