"""Calls to targets as worker processes make them, and what Redis then knows. Each board stands for a process."""

from typing import Any

import orjson
import redis

from conversations.routing import scripts
from conversations.routing.board import Board, Use
from conversations.routing.targets import RoutedTarget
from conversations.rules.routing import FAILURES
from providers import errors
from providers.catalog import Target

TARGET = RoutedTarget(
    "openai:k:m", "openai:k", "openai / k / m", Target("openai", "OpenAI", "openai", "http://fake", "m", "sk")
)
SISTER = RoutedTarget(
    "openai:k:n", "openai:k", "openai / k / n", Target("openai", "OpenAI", "openai", "http://fake", "n", "sk")
)
LIMITED = RoutedTarget(
    "ollama:k:m", "ollama:k", "ollama / k / m", Target("ollama", "Ollama", "openai", "http://fake", "m"), 1, 1, 3
)
DOWN = errors.UpstreamUnavailable("down", status=503)
OUT = f"{scripts.PREFIX}out"


def begun(board: Board, account_id: int, routed: RoutedTarget = TARGET) -> Use:
    use = board.begin(routed, account_id)
    assert isinstance(use, Use)
    return use


def begun_anyway(board: Board, account_id: int, routed: RoutedTarget = TARGET) -> Use:
    use = board.begin_anyway(routed, account_id)
    assert isinstance(use, Use)
    return use


def fail(board: Board, account_id: int, *, times: int = 1, error: errors.ProviderError = DOWN) -> bool:
    """Whether the last was news."""
    is_news = False
    for _ in range(times):
        use = begun(board, account_id)
        is_news = board.failed(use, FAILURES[type(error)], error)
        board.end(use)
    return is_news


def answer(board: Board, account_id: int, *, times: int = 1) -> None:
    for _ in range(times):
        use = begun(board, account_id)
        board.answered(use)
        board.end(use)


def exchange(*together: Board) -> None:
    """All tell, then all know."""
    for each in (*together, *together):
        each.exchange()


def out_for(board: Board, *account_ids: int, routed: RoutedTarget = TARGET) -> list[bool]:
    return [board.out_until(routed, account_id) is not None for account_id in account_ids]


def entries(valkey: Any) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for name, value in valkey.hgetall(OUT).items():
        kind, account, _ = name.decode().split("\n")
        found[kind, account] = orjson.loads(value)
    return found


def seconds_of(entry: dict[str, Any]) -> float:
    return float(entry["ends"] - entry["since"]) / 1000


def now_of(valkey: Any) -> float:
    """To the millisecond, as the scripts have it."""
    seconds, microseconds = valkey.time()
    return float(seconds * 1000 + microseconds // 1000) / 1000


def end_all(valkey: redis.Redis) -> None:
    """Every entry is over, but not forgotten."""
    for name, value in valkey.hgetall(OUT).items():
        entry = orjson.loads(value)
        valkey.hset(OUT, name, orjson.dumps({**entry, "ends": entry["since"]}))


def let_leases_lapse(valkey: Any) -> None:
    """As if the processes that hold them had died ten seconds ago."""
    for kind in ("probe", "places"):
        for key in valkey.scan_iter(f"{scripts.PREFIX}{kind}:*"):
            for token, _ in valkey.zrange(key, 0, -1, withscores=True):
                valkey.zadd(key, {token: 1})


def opened(board: Board, other: Board) -> None:
    """For all accounts, by the failures of two."""
    fail(board, 1, times=2)
    fail(other, 2, times=2)
    exchange(board, other)
