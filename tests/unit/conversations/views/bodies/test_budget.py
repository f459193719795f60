import pytest

from conversations import errors
from conversations.views.bodies.budget import SMALL_BYTES, BodyBudget

MEGABYTE = 1_000_000
ANN, BEN, EVE = 1, 2, 3


@pytest.fixture
def budget() -> BodyBudget:
    """16 MB in all, 4 MB for one account; large bodies have 12."""
    return BodyBudget(limit=16 * MEGABYTE, largest=4 * MEGABYTE)


def test_an_account_holds_its_share_and_no_more(budget: BodyBudget) -> None:
    with budget.reserve(ANN) as first, budget.reserve(ANN) as second, budget.reserve(BEN) as other:
        first.grow_to(3 * MEGABYTE)

        with pytest.raises(errors.RateLimited) as refused:
            second.grow_to(MEGABYTE + 1)

        assert refused.value.retry_after == 1
        second.grow_to(MEGABYTE)
        other.grow_to(4 * MEGABYTE)
        assert budget.total == 8 * MEGABYTE
    assert budget.total == 0


def test_large_bodies_leave_room_for_small_ones(budget: BodyBudget) -> None:
    with (
        budget.reserve(ANN) as ann,
        budget.reserve(BEN) as ben,
        budget.reserve(EVE) as eve,
        budget.reserve(None) as unknown,
    ):
        for reservation in (ann, ben, eve):
            reservation.grow_to(4 * MEGABYTE)

        with pytest.raises(errors.ServiceUnavailable) as refused:
            unknown.grow_to(SMALL_BYTES + 1)

        assert refused.value.retry_after == 1
        unknown.grow_to(SMALL_BYTES)
        assert budget.total == 12 * MEGABYTE + SMALL_BYTES


def test_a_body_that_comes_in_chunks_counts_as_it_grows(budget: BodyBudget) -> None:
    with budget.reserve(ANN) as reservation:
        for size in (1, 1, 70_000, 50_000, 4 * MEGABYTE):
            reservation.grow_to(size)
        assert budget.total == 4 * MEGABYTE


def test_what_was_refused_holds_nothing_more(budget: BodyBudget) -> None:
    with budget.reserve(ANN) as reservation:
        reservation.grow_to(10)
        with pytest.raises(errors.RateLimited):
            reservation.grow_to(5 * MEGABYTE)

        assert budget.total == 10


def test_gives_back_after_a_failure(budget: BodyBudget) -> None:
    def fail() -> None:
        with budget.reserve(ANN) as reservation:
            reservation.grow_to(4 * MEGABYTE)
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert budget.total == 0
    with budget.reserve(ANN) as reservation:
        reservation.grow_to(4 * MEGABYTE)


def test_the_largest_body_fits_however_little_room_is_set() -> None:
    budget = BodyBudget(limit=MEGABYTE, largest=20 * MEGABYTE)

    with budget.reserve(ANN) as reservation:
        reservation.grow_to(20 * MEGABYTE)
        with budget.reserve(BEN) as other:
            other.grow_to(SMALL_BYTES)
