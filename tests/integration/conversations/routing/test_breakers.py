"""When a breaker opens and closes, for whom, and which call may probe."""

import pytest
import redis

from conversations.routing import scripts
from conversations.routing.board import Board, Use
from conversations.rules.routing import FAILURES
from providers import errors
from tests.integration.conversations.routing.calls import (
    DOWN,
    SISTER,
    TARGET,
    answer,
    begun,
    begun_anyway,
    end_all,
    entries,
    exchange,
    fail,
    let_leases_lapse,
    now_of,
    opened,
    out_for,
    seconds_of,
)


def test_one_error_opens_nothing(board: Board, other: Board) -> None:
    fail(board, 1)
    fail(other, 2)

    exchange(board, other)

    assert out_for(board, 1, 2, 3) == [False, False, False]


def test_opens_for_all_processes_and_accounts_by_the_failures_of_two(
    board: Board, other: Board, valkey: redis.Redis
) -> None:
    opened(board, other)

    assert out_for(board, 1, 2, 3) == out_for(other, 1, 2, 3) == [True, True, True]
    assert out_for(board, 1, routed=SISTER) == [False]
    assert entries(valkey)["open", "*"]["reason"] == "unavailable"
    assert seconds_of(entries(valkey)["open", "*"]) == 10.0


@pytest.mark.parametrize(("answers", "out"), [(2, [True, True, True]), (3, [True, False, False]), (6, [False] * 3)])
def test_opens_by_the_share_of_failed_calls(board: Board, answers: int, out: list[bool]) -> None:
    """For all only by the share that is left without the account that fails most, else for that one."""
    answer(board, 3, times=answers)
    fail(board, 1, times=3)
    fail(board, 2, times=2)

    exchange(board)

    assert out_for(board, 1, 2, 3) == out


def test_an_account_can_take_a_target_only_from_itself(board: Board, other: Board) -> None:
    fail(board, 1, times=1000)
    answer(other, 2, times=10)
    fail(other, 3)

    exchange(board, other)

    assert out_for(other, 1, 2, 3) == [True, False, False]


def test_failures_of_the_same_call_count_only_against_the_target(board: Board) -> None:
    """The vendor refuses the request itself: to others that is a target that works."""
    for _ in range(10):
        fail(board, 1, error=errors.UpstreamRejected("no", status=400))
        fail(board, 2, error=errors.UpstreamEmpty("nothing"))

    exchange(board)

    assert out_for(board, 1, 2, 3) == [False, False, False]


def test_exactly_one_call_of_all_processes_is_the_probe(board: Board, other: Board, valkey: redis.Redis) -> None:
    opened(board, other)
    end_all(valkey)
    exchange(board, other)

    first, second, third = board.begin(TARGET, 3), other.begin(TARGET, 4), board.begin(TARGET, 5)

    assert isinstance(first, Use)
    assert first.is_probe
    assert not isinstance(second, Use)
    assert not isinstance(third, Use)


def test_nobody_probes_what_is_still_open_elsewhere(board: Board, other: Board, valkey: redis.Redis) -> None:
    """The process has not heard yet that another probe has failed."""
    opened(board, other)
    end_all(valkey)
    exchange(board, other)
    for account_id in (3, 4):
        fail(other, account_id)
        other.exchange()

    assert out_for(board, 5) == [False]
    assert not isinstance(board.begin(TARGET, 5), Use)


def test_a_probe_that_is_answered_closes_for_all(board: Board, other: Board, valkey: redis.Redis) -> None:
    opened(board, other)
    end_all(valkey)
    exchange(board, other)

    use = begun(board, 3)
    board.answered(use)
    exchange(board, other)

    assert entries(valkey) == {}
    assert out_for(other, 1, 2, 3) == [False, False, False]
    # Before the call has ended: it may answer for minutes.
    assert list(valkey.scan_iter(f"{scripts.PREFIX}probe:*")) == []
    # What failed before counts no more.
    fail(board, 1, times=2)
    exchange(board, other)
    assert out_for(board, 1) == [False]


def test_probes_of_one_account_cannot_keep_it_open_for_others(board: Board, other: Board, valkey: redis.Redis) -> None:
    opened(board, other)
    end_all(valkey)
    exchange(board, other)

    fail(board, 3)
    exchange(board, other)

    assert out_for(other, 3, 4) == [True, False]


def test_failed_probes_of_two_accounts_open_it_for_longer(board: Board, other: Board, valkey: redis.Redis) -> None:
    opened(board, other)

    for seconds in (20.0, 40.0, 80.0, 160.0, 300.0, 300.0):
        end_all(valkey)
        exchange(board, other)
        fail(board, 3)
        exchange(board, other)
        fail(other, 4)
        before = now_of(valkey)
        exchange(board, other)

        assert before + seconds <= entries(valkey)["open", "*"]["ends"] / 1000 <= now_of(valkey) + seconds


def test_a_probe_whose_process_died_makes_way_after_its_lease(board: Board, other: Board, valkey: redis.Redis) -> None:
    opened(board, other)
    end_all(valkey)
    exchange(board, other)
    begun(board, 3)
    assert not isinstance(other.begin(TARGET, 4), Use)

    let_leases_lapse(valkey)

    assert begun(other, 4).is_probe
    # The first was only frozen: it does not become the probe again.
    board.exchange()
    assert valkey.zcard(f"{scripts.PREFIX}probe:{TARGET.id}") == 1


def test_a_probe_that_was_stopped_lets_the_next_one_try(board: Board, other: Board, valkey: redis.Redis) -> None:
    opened(board, other)
    end_all(valkey)
    exchange(board, other)

    board.end(begun(board, 3))
    board.exchange()

    assert begun(other, 4).is_probe


def test_an_answer_of_a_call_that_was_made_because_all_were_out_lets_it_in(
    board: Board, other: Board, valkey: redis.Redis
) -> None:
    opened(board, other)

    board.answered(begun_anyway(board, 3))
    exchange(board, other)

    assert entries(valkey) == {}


def test_a_failure_while_it_is_open_makes_it_no_longer(board: Board, other: Board, valkey: redis.Redis) -> None:
    opened(board, other)
    before = entries(valkey)["open", "*"]

    for account_id in (3, 4):
        board.failed(begun_anyway(board, account_id), FAILURES[type(DOWN)], DOWN)
    exchange(board, other)

    assert entries(valkey)["open", "*"] == before
