"""Places of runs in a real Valkey: who frees them, who renews them, and what of tokens is counted at the end."""

import time
from typing import Any

import pytest
import redis

from conversations.rate_limits import places
from conversations.rate_limits.places import LimitedRun
from conversations.relay import publish
from conversations.relay.publish import Flusher, LiveLog
from conversations.stores import run_places
from conversations.values.runs import RunEnded, RunStatus
from providers.messages import Usage

KEY, ACCOUNT, RUN = 7, 3, "run_1"
# Sixty a minute for the key, thirty for the account.
INTERVALS = (1_000_000, 2_000_000)
LATER = 4_000_000_000_000_000


def occupy(valkey: redis.Redis, run: str = RUN, *, tokens: int = 0, intervals: tuple[int, int] = (0, 0)) -> None:
    facts = run_places.facts(run_id=run, limited_as=str(KEY), account_id=ACCOUNT, tokens=tokens, intervals=intervals)
    valkey.set(run_places.facts_key(run), facts)
    for name in (run_places.runs_of_key(str(KEY)), run_places.runs_of_account(ACCOUNT)):
        valkey.zadd(name, {run: LATER})


def occupied(valkey: redis.Redis) -> list[list[bytes]]:
    names = (run_places.runs_of_key(str(KEY)), run_places.runs_of_account(ACCOUNT))
    found: list[Any] = [valkey.zrange(name, 0, -1) for name in names]
    return found


def debt(valkey: redis.Redis, name: str) -> float:
    """The seconds until the bucket is full."""
    seconds, microseconds = valkey.time()
    return (int(valkey.get(name) or 0) - (seconds * 1_000_000 + microseconds)) / 1_000_000


def end(valkey: redis.Redis, usage: Usage | None) -> None:
    log = LiveLog(flusher=Flusher(valkey), run_id=RUN, channel="channel", attempt=1, keep_seconds=60)
    log.end(RunEnded(RunStatus.COMPLETED, usage=usage))


def limited(run: str = RUN) -> LimitedRun:
    return LimitedRun(run, KEY, ACCOUNT, is_key_limited=True, is_account_limited=True)


def test_the_end_that_is_published_frees_the_place(valkey: redis.Redis) -> None:
    occupy(valkey)
    occupy(valkey, "run_2")

    end(valkey, None)

    assert occupied(valkey) == [[b"run_2"], [b"run_2"]]
    assert valkey.exists(run_places.facts_key(RUN)) == 0


@pytest.mark.parametrize(("used", "seconds"), [(25, 25), (10, 10), (0, 0)])
def test_tokens_are_counted_as_they_were_used(valkey: redis.Redis, used: int, seconds: int) -> None:
    occupy(valkey, tokens=10, intervals=INTERVALS)
    now = int(time.time() * 1_000_000)
    valkey.set(run_places.tokens_of_key(str(KEY)), now + 10 * INTERVALS[0])
    valkey.set(run_places.tokens_of_account(ACCOUNT), now + 10 * INTERVALS[1])

    end(valkey, Usage(used, 0) if used else None)

    if seconds:
        assert seconds - 5 < debt(valkey, run_places.tokens_of_key(str(KEY))) <= seconds
        assert 2 * seconds - 5 < debt(valkey, run_places.tokens_of_account(ACCOUNT)) <= 2 * seconds
    else:
        assert valkey.exists(run_places.tokens_of_key(str(KEY)), run_places.tokens_of_account(ACCOUNT)) == 0


def test_an_end_that_is_published_twice_counts_once(valkey: redis.Redis) -> None:
    occupy(valkey, tokens=0, intervals=INTERVALS)

    end(valkey, Usage(30, 10))
    end(valkey, Usage(30, 10))

    assert 35 < debt(valkey, run_places.tokens_of_key(str(KEY))) <= 40


def test_a_run_that_ends_without_a_worker_is_free(valkey: redis.Redis) -> None:
    occupy(valkey)

    publish.notify_readers(valkey, channels=["channel"], free_places_of=[RUN])

    assert occupied(valkey) == [[], []]


def test_readers_that_are_only_woken_free_nothing(valkey: redis.Redis) -> None:
    occupy(valkey)

    publish.notify_readers(valkey, channels=["channel"])

    assert occupied(valkey) == [[RUN.encode()], [RUN.encode()]]


def test_a_renewal_takes_no_place_that_is_free_again(valkey: redis.Redis) -> None:
    places.renew(valkey, [])
    occupy(valkey, "run_2")

    places.renew(valkey, [limited(), limited("run_2")])

    assert occupied(valkey) == [[b"run_2"], [b"run_2"]]


def test_a_renewal_takes_again_a_place_whose_lease_has_ended(valkey: redis.Redis) -> None:
    places.renew(valkey, [])
    occupy(valkey)
    occupy(valkey, "run_2")
    # As while Redis hung.
    valkey.delete(run_places.runs_of_key(str(KEY)), run_places.runs_of_account(ACCOUNT))

    places.renew(valkey, [limited()])

    assert occupied(valkey) == [[RUN.encode()], [RUN.encode()]]


def test_a_renewal_brings_back_what_redis_has_lost(valkey: redis.Redis) -> None:
    places.renew(valkey, [limited()])
    valkey.flushall()

    places.renew(valkey, [limited(), limited("run_2")])

    assert occupied(valkey) == [[b"run_1", b"run_2"], [b"run_1", b"run_2"]]
    end(valkey, None)
    assert occupied(valkey) == [[b"run_2"], [b"run_2"]]


def test_many_runs_are_brought_back_in_pieces(valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BATCH", 2)

    places.renew(valkey, [limited(f"run_{number}") for number in range(5)])

    assert [len(runs) for runs in occupied(valkey)] == [5, 5]
