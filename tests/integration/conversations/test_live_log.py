"""What a worker writes of a run, against what befalls Redis meanwhile."""

from typing import Any

import orjson
import pytest
import redis

from conversations.relay import codec, publish, scripts
from conversations.relay.publish import Flusher, LiveLog
from conversations.relay.scripts import Appended
from conversations.turns import RunEnded, RunEvent, RunStatus
from providers.events import CallStarted, Event, TextDelta
from tests.integration.conversations.listening import listening

KEY = codec.log_key("run_1", 1)


@pytest.fixture
def live_log(valkey: redis.Redis) -> LiveLog:
    return LiveLog(flusher=Flusher(valkey), run_id="run_1", channel="inbox", attempt=1, keep_seconds=60)


def say(live_log: LiveLog, *events: Event) -> None:
    """Each by itself."""
    for event in events:
        live_log.add(event)
        live_log.flush()


def texts(valkey: redis.Redis) -> list[tuple[int, str]]:
    log: Any = valkey.xrange(KEY)
    return [(item.position, getattr(item.event, "text", "")) for item in codec.load_log(log, attempt=1)]


def told(message: bytes) -> list[tuple[int, str]]:
    return [(item.position, getattr(item.event, "text", "")) for item in codec.load_published(message)]


def test_what_is_said_is_logged_and_told_as_it_comes(live_log: LiveLog, valkey: redis.Redis) -> None:
    with listening(valkey, "inbox") as heard:
        say(live_log, TextDelta("Hel"), TextDelta("lo %d"))
        live_log.end(RunEnded(RunStatus.COMPLETED))

    assert texts(valkey) == [(1, "Hel"), (2, "lo %d"), (3, "")]
    assert codec.load_published(heard[-1]) == [RunEvent(position=3, event=RunEnded(RunStatus.COMPLETED), attempt=1)]
    assert [told(message) for message in heard] == [[(1, "Hel")], [(2, "lo %d")], [(3, "")]]
    assert 0 < valkey.ttl(KEY) <= 60


def test_what_the_vendor_said_of_the_call_waits_for_the_first_word(live_log: LiveLog, valkey: redis.Redis) -> None:
    """Alone it would be no answer yet, and must not keep a dead attempt from being begun anew."""
    call = CallStarted("req", "m", {"openai": {"id": "x", "system_fingerprint": "fp"}})

    with listening(valkey, "inbox") as heard:
        live_log.add(call)
        live_log.flush()
        assert not live_log.has_published
        assert live_log.shape == [("CallStarted", 0, 0)]
        say(live_log, TextDelta("Hello"))

    assert [codec.load_published(message) for message in heard] == [
        [RunEvent(position=1, event=call), RunEvent(position=2, event=TextDelta("Hello"))]
    ]
    assert live_log.shape == [("CallStarted", 0, 0), ("TextDelta", 0, 5)]


def test_a_vendors_bare_name_for_the_answer_is_not_told(live_log: LiveLog, valkey: redis.Redis) -> None:
    say(live_log, CallStarted("req", "m", {"openai": {"id": "x"}}), TextDelta("Hello"))

    assert texts(valkey) == [(1, "Hello")]


def test_a_log_that_redis_forgot_is_written_again(live_log: LiveLog, valkey: redis.Redis) -> None:
    say(live_log, TextDelta("One "), TextDelta("two "))
    valkey.flushdb()

    with listening(valkey, "inbox") as heard:
        say(live_log, TextDelta("three"))

    assert texts(valkey) == [(1, "One "), (2, "two "), (3, "three")]
    assert [told(message) for message in heard] == [[(1, "One "), (2, "two "), (3, "three")]]
    assert 0 < valkey.ttl(KEY) <= 60


def test_a_log_of_which_redis_forgot_the_end_has_no_gap(live_log: LiveLog, valkey: redis.Redis) -> None:
    """It came back with what it had last saved."""
    say(live_log, TextDelta("One "), TextDelta("two "), TextDelta("three "))
    valkey.delete(KEY)
    valkey.xadd(KEY, {"e": orjson.dumps(codec.dump_item(TextDelta("One ")))}, id="1-0")

    say(live_log, TextDelta("four"))

    assert texts(valkey) == [(1, "One "), (2, "two "), (3, "three "), (4, "four")]


def test_a_repeat_after_a_lost_answer_is_told_again_and_written_once(valkey: redis.Redis) -> None:
    """With more behind it, as the worker has gathered meanwhile."""
    append = scripts.append(valkey)
    entries = [orjson.dumps(codec.dump_item(TextDelta(text))) for text in ("One ", "two")]

    with listening(valkey, "inbox") as heard:
        outcomes = [append(keys=[KEY], args=["inbox", 1, 60, 1000, 0, *entries[:count]]) for count in (1, 2)]

    assert outcomes == [Appended.DONE, Appended.DONE]
    assert texts(valkey) == [(1, "One "), (2, "two")]
    assert [told(message) for message in heard] == [[(1, "One ")], [(1, "One "), (2, "two")]]


def test_a_redis_that_forgot_the_script_is_told_it_again(live_log: LiveLog, valkey: redis.Redis) -> None:
    say(live_log, TextDelta("One "))
    valkey.script_flush()

    say(live_log, TextDelta("two"))

    assert texts(valkey) == [(1, "One "), (2, "two")]


def test_much_at_once_is_left_to_the_log(live_log: LiveLog, valkey: redis.Redis) -> None:
    much = "x" * publish.MAX_PUBLISHED_BYTES

    with listening(valkey, "inbox") as heard:
        say(live_log, TextDelta(much), TextDelta("!"))

    assert texts(valkey) == [(1, much), (2, "!")]
    assert heard[0] == b""
    assert told(heard[1]) == [(2, "!")]
