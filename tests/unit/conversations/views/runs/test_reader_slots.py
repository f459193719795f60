import pytest

from conversations.errors import RateLimited
from conversations.values.callers import Caller
from conversations.views.runs.reading.slots import MOST_OF_VISITOR, RETRY_AFTER_SECONDS, ReaderSlots

ANN, BOB = Caller(account_id=1, api_key_id=1), Caller(account_id=1, api_key_id=2)


def visitor(name: str, *, account_id: int = 1) -> Caller:
    return Caller(account_id=account_id, api_key_id=None, visitor=name)


def test_gives_a_key_so_many_slots_and_others_theirs() -> None:
    slots = ReaderSlots(most=2)
    slots.take(ANN)
    slots.take(ANN)

    with pytest.raises(RateLimited) as refused:
        slots.take(ANN)

    assert refused.value.retry_after == RETRY_AFTER_SECONDS
    slots.take(BOB)


def test_gives_a_slot_again_that_was_given_back() -> None:
    slots = ReaderSlots(most=1)

    for _ in range(3):
        slots.take(ANN)
        slots.give_back(ANN)

    slots.take(ANN)
    with pytest.raises(RateLimited):
        slots.take(ANN)


def test_gives_a_visitor_few_slots_and_others_theirs() -> None:
    slots = ReaderSlots(most=1_000)
    for _ in range(MOST_OF_VISITOR):
        slots.take(visitor("v1"))

    with pytest.raises(RateLimited):
        slots.take(visitor("v1"))

    slots.take(visitor("v2"))
    slots.take(visitor("v1", account_id=2))
    slots.take(ANN)


def test_gives_all_visitors_of_an_account_what_one_key_has() -> None:
    slots = ReaderSlots(most=3)
    for number in range(3):
        slots.take(visitor(f"v{number}"))

    with pytest.raises(RateLimited):
        slots.take(visitor("another"))

    slots.take(ANN)
    slots.take(visitor("another", account_id=2))
    slots.give_back(visitor("v0"))
    slots.take(visitor("another"))
