"""A worker's marker key, which shows whether Redis lost logs."""

import redis

from conversations.relay import log_marker


def test_is_there_until_redis_forgets(valkey: redis.Redis) -> None:
    log_marker.keep(valkey, worker_name="w1", has_published=False)
    log_marker.keep(valkey, worker_name="w1", has_published=True)

    assert log_marker.remembers(valkey, worker_name="w1")
    assert not log_marker.remembers(valkey, worker_name="w2")
    valkey.flushdb()
    assert not log_marker.remembers(valkey, worker_name="w1")


def test_is_not_made_again_over_what_was_forgotten(valkey: redis.Redis) -> None:
    log_marker.keep(valkey, worker_name="w1", has_published=False)
    valkey.flushdb()

    log_marker.keep(valkey, worker_name="w1", has_published=True)

    assert not log_marker.remembers(valkey, worker_name="w1")
    log_marker.keep(valkey, worker_name="w1", has_published=False)
    assert log_marker.remembers(valkey, worker_name="w1")


def test_goes_some_time_after_its_worker(valkey: redis.Redis) -> None:
    log_marker.keep(valkey, worker_name="w1", has_published=False)

    (key,) = valkey.scan_iter("parley:worker:*")

    assert 0 < valkey.ttl(key) <= log_marker.KEEP_SECONDS


def test_redis_being_away_stops_no_worker() -> None:
    with redis.Redis.from_url("redis://127.0.0.1:1/0") as away:
        log_marker.keep(away, worker_name="w1", has_published=False)
