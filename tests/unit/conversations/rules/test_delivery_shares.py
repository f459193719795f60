"""Shares of the sender's threads: an account may have as many attempts in flight as there are free threads."""

import pytest

from conversations.rules.delivery_shares import Candidate, Load, pick


def waiting(account_id: int, count: int, *, is_slow_start: bool = True) -> list[Candidate]:
    return [Candidate(account_id * 1_000 + n, account_id, f"https://{n}", is_slow_start) for n in range(count)]


def counts(picked: list[Candidate]) -> dict[int, int]:
    return {account_id: sum(one.account_id == account_id for one in picked) for account_id in (1, 2, 3, 4)}


@pytest.mark.parametrize(("shares", "free"), [([32], 32), ([22, 21], 21), ([16, 16, 16], 16), ([13, 13, 13, 13], 12)])
def test_busy_accounts_share_alike_and_leave_as_much_free(shares: list[int], free: int) -> None:
    load = Load(capacity=64, slow_start_capacity=48)
    busy = range(1, 1 + len(shares))

    picked = pick([one for account_id in busy for one in waiting(account_id, 100, is_slow_start=False)], load=load)

    assert [counts(picked)[account_id] for account_id in busy] == shares
    assert load.free == free


def test_destinations_in_slow_start_leave_a_quarter_of_an_accounts_share_to_prompt_ones() -> None:
    load = Load(capacity=64, slow_start_capacity=48)

    picked = pick([*waiting(1, 100), *waiting(1, 100, is_slow_start=False)], load=load)

    assert [sum(one.is_slow_start is slow for one in picked) for slow in (True, False)] == [24, 8]


def test_the_last_free_thread_is_for_an_account_that_has_none() -> None:
    load = Load(capacity=3, slow_start_capacity=3, in_flight=[(1, False), (2, False)])

    assert load.full_accounts() == [1, 2]
    assert counts(pick([*waiting(1, 5), *waiting(2, 5), *waiting(3, 5)], load=load)) == {1: 0, 2: 0, 3: 1, 4: 0}


def test_each_gets_one_before_any_gets_another() -> None:
    load = Load(capacity=8, slow_start_capacity=8)

    picked = pick([*waiting(1, 9), *waiting(2, 1), *waiting(3, 1)], load=load)

    assert [one.account_id for one in picked] == [1, 2, 3, 1, 1]


def test_what_is_available_is_what_could_be_picked() -> None:
    for in_flight in range(9):
        load = Load(capacity=8, slow_start_capacity=6, in_flight=[(1, True)] * in_flight)
        available = load.available(1, is_slow_start=True)
        assert len(pick(waiting(1, 50), load=load)) == available
