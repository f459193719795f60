import pytest

from conversations.errors import RateLimited
from conversations.views.runs.reader_slots import RETRY_AFTER_SECONDS, ReaderSlots

ANN, BOB = 1, 2


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
