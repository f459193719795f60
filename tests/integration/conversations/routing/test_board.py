"""What else targets are out for, their places, and what a board does without Redis."""

import threading
from pathlib import Path

import orjson
import pytest
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from conversations.routing import board as boards
from conversations.routing import scripts
from conversations.routing.board import Board, Use
from conversations.routing.targets import RoutedTarget
from conversations.rules.routing import FAILURES
from providers import errors
from tests.integration.conversations.conftest import UnthreadedBoard
from tests.integration.conversations.routing.calls import (
    LIMITED,
    OUT,
    SISTER,
    TARGET,
    begun,
    entries,
    exchange,
    fail,
    let_leases_lapse,
    opened,
    out_for,
    seconds_of,
)
from tests.waiting import eventually


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 2.0), (30.0, 30.0), (86_400.0, 600.0)])
def test_a_429_is_left_alone_and_opens_nothing(
    board: Board, other: Board, valkey: redis.Redis, retry_after: float | None, seconds: float
) -> None:
    busy = errors.UpstreamRateLimited("busy", status=429, retry_after=retry_after)

    fail(board, 1, error=busy)
    assert out_for(board, 1, 2) == [True, False]
    exchange(board, other)
    assert out_for(other, 1, 2) == [True, False]
    fail(other, 2, error=busy)
    exchange(board, other)

    assert out_for(board, 1, 2, 3) == [True, True, True]
    assert out_for(board, 1, routed=SISTER) == [False]
    assert {kind for kind, _ in entries(valkey)} == {"rate"}
    assert seconds_of(entries(valkey)["rate", "*"]) == seconds


def test_a_refused_key_is_out_with_all_its_targets_and_news_once(board: Board, other: Board) -> None:
    refused = errors.UpstreamAuthFailed("no", status=401)

    assert fail(board, 1, error=refused)
    assert not fail(board, 1, error=refused)
    exchange(board, other)
    assert out_for(other, 1, routed=SISTER) == [True]
    assert out_for(other, 2, routed=SISTER) == [False]
    assert not fail(other, 2, error=refused)
    exchange(board, other)

    assert out_for(board, 3, routed=SISTER) == [True]
    assert fail(board, 3, error=errors.UpstreamAuthFailed("no", status=402))


def test_a_missing_model_is_out_alone_unless_callers_made_up_its_name(board: Board) -> None:
    missing = errors.ModelNotFound("no", status=404)
    made_up = RoutedTarget("openai:k:*", "openai:k", "openai / k / x", TARGET.target)

    fail(board, 1, error=missing)
    board.failed(begun(board, 1, made_up), FAILURES[type(missing)], missing)
    board.exchange()

    assert out_for(board, 1) == [True]
    assert out_for(board, 1, routed=SISTER) == [False]
    assert out_for(board, 1, routed=made_up) == [False]


def test_places_are_exact_over_all_processes(board: Board, other: Board, valkey: redis.Redis) -> None:
    held = [begun(board, 1, LIMITED), begun(other, 2, LIMITED), begun(board, 3, LIMITED)]

    assert not isinstance(other.begin(LIMITED, 4), Use)

    board.end(held[0])
    board.exchange()
    begun(other, 4, LIMITED)
    assert not isinstance(other.begin(LIMITED, 4), Use)
    assert valkey.zcard(f"{scripts.PREFIX}places:{LIMITED.id}") == 3


def test_places_of_a_dead_process_are_free_and_those_of_a_living_one_are_not(
    board: Board, other: Board, valkey: redis.Redis
) -> None:
    for _ in range(2):
        begun(board, 1, LIMITED)
    begun(other, 2, LIMITED)

    let_leases_lapse(valkey)
    other.exchange()

    begun(other, 3, LIMITED)
    begun(other, 3, LIMITED)
    assert not isinstance(other.begin(LIMITED, 3), Use)


def test_a_flushed_redis_lets_all_in_and_hears_again_of_places(board: Board, other: Board, valkey: redis.Redis) -> None:
    opened(board, other)
    begun(board, 1, LIMITED)

    valkey.flushdb()
    valkey.script_flush()
    exchange(board, other)

    assert out_for(board, 1, 2, 3) == [False, False, False]
    assert valkey.zcard(f"{scripts.PREFIX}places:{LIMITED.id}") == 1
    opened(board, other)
    assert out_for(board, 3) == [True]


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """A way to Valkey that the test can take away."""
    path = tmp_path / "valkey.sock"
    real = settings.REDIS_URL.removeprefix("unix://").partition("?")[0]
    path.symlink_to(real)
    return path


def test_while_redis_is_away_the_last_known_serves_until_its_end_with_one_warning(
    board: Board, valkey: redis.Redis, socket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for account_id in (1, 2):
        fail(board, account_id, error=errors.UpstreamAuthFailed("no", status=401))
    board.exchange()
    real = socket.readlink()
    with redis.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0)) as client:
        now = 0.0
        cut_off = UnthreadedBoard(client, clock=lambda: now)
        cut_off.exchange()
        assert out_for(cut_off, 3) == [True]

        client.connection_pool.disconnect()
        socket.unlink()
        for _ in range(3):
            cut_off.exchange()
        assert out_for(cut_off, 3) == [True]
        now = 301.0
        cut_off.exchange()

        assert out_for(cut_off, 3) == [False]
        for _ in range(9):
            begun(cut_off, 3, LIMITED)
        fail(cut_off, 3, times=9)
        cut_off.exchange()
        assert out_for(cut_off, 3) == [False]
        assert caplog.text.count("upstream_states_unreachable") == 1

        socket.symlink_to(real)
        cut_off.exchange()
        assert out_for(cut_off, 3) == [True]


def test_what_one_account_sees_has_a_bound(board: Board, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(boards.LIMITS, "entries", 10)
    refused = errors.UpstreamAuthFailed("no", status=401)
    for number in range(20):
        routed = RoutedTarget(f"v:{number}:m", f"v:{number}", "v", TARGET.target)
        board.failed(begun(board, number, routed), FAILURES[type(refused)], refused)

    board.exchange()

    assert valkey.hlen(OUT) == 10


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_its_thread_tells_by_itself(valkey: redis.Redis) -> None:
    is_over = threading.Event()

    class Ending(Board):
        def exchange(self) -> None:
            if is_over.is_set():
                raise SystemExit
            super().exchange()

    board = Ending(valkey)

    fail(board, 1, times=3)

    assert ("open", "1") in eventually(lambda: entries(valkey), bool)
    is_over.set()
    eventually(lambda: board.is_well, lambda is_well: not is_well)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_board_whose_thread_died_is_known(valkey: redis.Redis) -> None:
    class Mortal(Board):
        def _run(self) -> None:
            raise SystemExit

    mortal = Mortal(valkey)
    assert mortal.is_well

    begun(mortal, 1)

    eventually(lambda: mortal.is_well, lambda is_well: not is_well)


def test_an_entry_that_nobody_can_read_is_as_no_redis(
    board: Board, valkey: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    valkey.hset(OUT, "what is this", orjson.dumps({"ends": 9e15}).decode())

    fail(board, 1)
    board.exchange()

    assert board.is_away
    assert caplog.text.count("upstream_board_broke") == 1
    valkey.delete(OUT)
    board.exchange()
    assert not board.is_away


def test_while_redis_is_away_marks_do_not_pile_up(valkey: redis.Redis, tmp_path: Path) -> None:
    with redis.Redis(unix_socket_path=str(tmp_path / "none.sock"), retry=Retry(NoBackoff(), 0)) as client:
        cut_off = UnthreadedBoard(client)
        for _ in range(100):
            fail(cut_off, 1, error=errors.UpstreamAuthFailed("no", status=401))
            cut_off.exchange()

    assert out_for(cut_off, 1, 2) == [True, False]
    assert [len(outs) for outs in cut_off._outs.values()] == [1]
