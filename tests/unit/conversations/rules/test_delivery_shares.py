"""Shares of the sender's places: an account may have as many under way as are still free."""

import pytest

from conversations.rules.delivery_shares import Candidate, Load, pick


def waiting(account_id: int, count: int, *, is_proven: bool = False) -> list[Candidate]:
    return [Candidate(account_id * 1_000 + n, account_id, f"https://{n}", is_proven) for n in range(count)]


def counts(picked: list[Candidate]) -> dict[int, int]:
    return {account_id: sum(one.account_id == account_id for one in picked) for account_id in (1, 2, 3, 4)}


@pytest.mark.parametrize(("shares", "free"), [([32], 32), ([22, 21], 21), ([16, 16, 16], 16), ([13, 13, 13, 13], 12)])
def test_busy_accounts_share_alike_and_leave_as_much_free(shares: list[int], free: int) -> None:
    load = Load(places=64, unproven_places=48)
    busy = range(1, 1 + len(shares))

    picked = pick([one for account_id in busy for one in waiting(account_id, 100, is_proven=True)], load=load)

    assert [counts(picked)[account_id] for account_id in busy] == shares
    assert load.free == free


def test_unproven_receivers_leave_a_quarter_of_an_accounts_share_to_the_others() -> None:
    load = Load(places=64, unproven_places=48)

    picked = pick([*waiting(1, 100), *waiting(1, 100, is_proven=True)], load=load)

    assert [sum(one.is_proven is proven for one in picked) for proven in (False, True)] == [24, 8]


def test_the_last_free_place_is_for_an_account_that_has_none() -> None:
    load = Load(places=3, unproven_places=3, under_way=[(1, True), (2, True)])

    assert load.full_accounts() == [1, 2]
    assert counts(pick([*waiting(1, 5), *waiting(2, 5), *waiting(3, 5)], load=load)) == {1: 0, 2: 0, 3: 1, 4: 0}


def test_each_gets_one_before_any_gets_another() -> None:
    load = Load(places=8, unproven_places=8)

    picked = pick([*waiting(1, 9), *waiting(2, 1), *waiting(3, 1)], load=load)

    assert [one.account_id for one in picked] == [1, 2, 3, 1, 1]


def test_room_is_what_could_be_picked() -> None:
    for under_way in range(9):
        load = Load(places=8, unproven_places=6, under_way=[(1, False)] * under_way)
        room = load.room(1, is_proven=False)
        assert len(pick(waiting(1, 50), load=load)) == room
