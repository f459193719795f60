"""The targets as operators look at them."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from conversations import routing
from conversations.routing import overview, table
from conversations.routing.board import Board
from conversations.routing.overview import UpstreamState
from conversations.routing.table import Access, AdminTable, TargetRow
from conversations.rules.routing import FAILURES
from providers import errors
from tests.integration.conversations.routing.calls import begun, begun_anyway, end_all, exchange

BUSY = errors.UpstreamRateLimited("busy", status=429, retry_after=300.0)
DOWN = errors.UpstreamUnavailable("down", status=503)
REFUSED = errors.UpstreamAuthFailed("no", status=401)


@pytest.fixture(autouse=True)
def one_target(settings: Any) -> Iterator[None]:
    settings.VENDOR_SETTINGS = {"OPENAI_API_KEY": "sk-1"}
    settings.DEFAULT_VENDOR = ""
    row = TargetRow("ollama", access_pk=1, upstream_model="llama", max_concurrent=3)
    table.install(AdminTable(1, {"ollama": [Access("gpu", "", "http://gpu/v1", pk=1)]}, {"house": [row]}))
    yield
    table.install(AdminTable())


def fail(board: Board, error: errors.ProviderError, *account_ids: int, model: str = "house") -> None:
    for account_id in account_ids:
        use = begun_anyway(board, account_id, routing.for_model(model)[0])
        board.failed(use, FAILURES[type(error)], error)
        board.end(use)
        exchange(board)


def house(valkey: redis.Redis) -> UpstreamState:
    return next(state for state in overview.read(valkey) if state.models == ("house",))


def test_shows_the_admins_targets_and_those_that_were_asked(board: Board, valkey: redis.Redis) -> None:
    use = begun(board, 1, routing.for_model("gpt-4o")[0])
    board.answered(use)
    board.exchange()

    states = overview.read(valkey)

    assert [(state.models, state.state, state.calls, state.failures) for state in states] == [
        (("gpt-4o", "gpt-4o-all", "gpt-4o-image"), "available", 1, 0),
        (("house",), "available", 0, 0),
    ]


def test_shows_places_that_are_taken(board: Board, valkey: redis.Redis) -> None:
    for account_id in (1, 2):
        begun(board, account_id, routing.for_model("house")[0])

    assert (house(valkey).in_progress, house(valkey).routed.max_concurrent) == (2, 3)


def test_shows_a_breaker_through_its_life(board: Board, valkey: redis.Redis) -> None:
    fail(board, DOWN, 1, 1, 2, 2)
    is_open = house(valkey)
    end_all(valkey)
    half_open = house(valkey)

    assert (is_open.state, is_open.reason, is_open.calls, is_open.failures) == ("open", "unavailable", 4, 4)
    assert is_open.since is not None
    assert is_open.until is not None
    assert (is_open.until - is_open.since).total_seconds() == 10.0
    assert half_open.state == "half_open"


def test_shows_what_is_out_for_single_accounts_beside_what_is_for_all(board: Board, valkey: redis.Redis) -> None:
    fail(board, BUSY, 1)
    for_one = house(valkey)
    fail(board, BUSY, 2)
    for_all = house(valkey)

    assert (for_one.state, for_one.reason, for_one.until, for_one.accounts_out) == ("available", "", None, 1)
    assert (for_all.state, for_all.reason, for_all.accounts_out) == ("rate_limited", "rate_limited", 2)


def test_the_gravest_reason_is_shown(board: Board, valkey: redis.Redis) -> None:
    fail(board, BUSY, 1, 2)
    fail(board, REFUSED, 1, 2)

    assert (house(valkey).state, house(valkey).reason) == ("key_refused", "key_refused (401)")


def test_what_is_let_in_by_hand_begins_anew(board: Board, valkey: redis.Redis) -> None:
    fail(board, DOWN, 1, 1, 2, 2)
    fail(board, REFUSED, 1, 2)
    routed = routing.for_model("house")[0]
    overview.take_out(valkey, target_id=routed.id, reason="by me")
    taken = house(valkey)

    overview.let_in(valkey, target_id=routed.id, access_id=routed.access_id)
    exchange(board)

    assert (taken.state, taken.reason) == ("taken_out", "by me")
    assert house(valkey).state == "available"
    assert board.out_until(routed, 1) is None
    fail(board, DOWN, 1, 2)
    assert house(valkey).state == "available"


def test_an_answer_does_not_let_in_what_was_taken_out_by_hand(board: Board, valkey: redis.Redis) -> None:
    routed = routing.for_model("house")[0]
    overview.take_out(valkey, target_id=routed.id, reason="by me")
    exchange(board)

    board.answered(begun_anyway(board, 1, routed))
    exchange(board)

    assert house(valkey).state == "taken_out"


def test_names_that_callers_make_up_are_one_line(board: Board, valkey: redis.Redis, settings: Any) -> None:
    settings.DEFAULT_VENDOR = "openai"
    for name in ("a", "b", "c"):
        board.answered(begun(board, 1, routing.for_model(name)[0]))
    board.exchange()

    (state,) = [state for state in overview.read(valkey) if state.models == ("*",)]

    assert state.calls == 3
