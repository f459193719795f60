"""A worker's note in Redis."""

import redis

from conversations.relay import witness


def test_is_there_until_redis_forgets(valkey: redis.Redis) -> None:
    witness.keep(valkey, worker_name="w1", has_published=False)
    witness.keep(valkey, worker_name="w1", has_published=True)

    assert witness.remembers(valkey, worker_name="w1")
    assert not witness.remembers(valkey, worker_name="w2")
    valkey.flushdb()
    assert not witness.remembers(valkey, worker_name="w1")


def test_is_not_made_again_over_what_was_forgotten(valkey: redis.Redis) -> None:
    witness.keep(valkey, worker_name="w1", has_published=False)
    valkey.flushdb()

    witness.keep(valkey, worker_name="w1", has_published=True)

    assert not witness.remembers(valkey, worker_name="w1")
    witness.keep(valkey, worker_name="w1", has_published=False)
    assert witness.remembers(valkey, worker_name="w1")


def test_goes_some_time_after_its_worker(valkey: redis.Redis) -> None:
    witness.keep(valkey, worker_name="w1", has_published=False)

    (key,) = valkey.scan_iter("parley:worker:*")

    assert 0 < valkey.ttl(key) <= witness.KEEP_SECONDS


def test_redis_being_away_stops_no_worker() -> None:
    with redis.Redis.from_url("redis://127.0.0.1:1/0") as away:
        witness.keep(away, worker_name="w1", has_published=False)
