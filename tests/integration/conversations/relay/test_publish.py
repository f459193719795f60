"""How a worker publishes a run's events, also while Redis loses data or is away."""

from typing import Any

import orjson
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from conversations.relay import codec, publish, scripts
from conversations.relay.publish import Flusher, LiveLog
from conversations.relay.scripts import Appended
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from providers.events import CallStarted, RefusalDelta, StreamEvent, TextDelta, ToolCallDelta
from tests.integration.conversations.relay.listening import listening
from tests.waiting import eventually

KEY = codec.log_key("run_1", 1)


@pytest.fixture
def live_log(valkey: redis.Redis) -> LiveLog:
    return LiveLog(flusher=Flusher(valkey), run_id="run_1", channel="channel", attempt=1, keep_seconds=60)


def say(live_log: LiveLog, *events: StreamEvent) -> None:
    """Each by itself."""
    for event in events:
        live_log.add(event)
        live_log.flush()


def texts(valkey: redis.Redis) -> list[tuple[int, str]]:
    log: Any = valkey.xrange(KEY)
    return [(item.position, getattr(item.event, "text", "")) for item in codec.load_log(log)]


def published(message: bytes) -> list[tuple[int, str]]:
    return [(item.position, getattr(item.event, "text", "")) for item in codec.load_published(message)[1]]


def test_events_are_logged_and_published_as_they_come(live_log: LiveLog, valkey: redis.Redis) -> None:
    with listening(valkey, "channel") as heard:
        say(live_log, TextDelta("Hel"), TextDelta("lo %d"))
        live_log.end(RunEnded(RunStatus.COMPLETED))

    assert texts(valkey) == [(1, "Hel"), (2, "lo %d"), (3, "")]
    assert codec.load_published(heard[-1]) == (1, [RunEvent(3, RunEnded(RunStatus.COMPLETED))])
    assert [published(message) for message in heard] == [[(1, "Hel")], [(2, "lo %d")], [(3, "")]]
    assert 0 < valkey.ttl(KEY) <= 60


class SleepingFlusher(Flusher):
    """Its thread never comes."""

    def wake(self, live_log: LiveLog) -> None:
        self.woken = live_log


@pytest.mark.parametrize(("is_streamed", "at_once"), [(True, [(1, "Hel")]), (False, [])])
def test_only_a_streams_first_event_is_sent_at_once(
    is_streamed: bool, at_once: list[tuple[int, str]], valkey: redis.Redis
) -> None:
    flusher = SleepingFlusher(valkey)
    log = LiveLog(
        flusher=flusher, run_id="run_1", channel="channel", attempt=1, keep_seconds=60, is_streamed=is_streamed
    )

    for word in ("Hel", "lo", "!"):
        log.add(TextDelta(word))

    assert texts(valkey) == at_once
    flusher.woken.flush()
    assert "".join(text for _, text in texts(valkey)) == "Hello!"


def test_what_the_vendor_said_of_the_call_waits_for_the_first_word(live_log: LiveLog, valkey: redis.Redis) -> None:
    """Alone it would be no answer yet, and must not keep a dead attempt from being begun anew."""
    call = CallStarted("req", "m", {"openai": {"id": "x", "system_fingerprint": "fp"}})

    with listening(valkey, "channel") as heard:
        live_log.add(call)
        live_log.flush()
        assert not live_log.has_published
        assert live_log.shape == [("CallStarted", 0, 0)]
        say(live_log, TextDelta("Hello"))

    assert [codec.load_published(message) for message in heard] == [
        (1, [RunEvent(position=1, event=call), RunEvent(position=2, event=TextDelta("Hello"))])
    ]
    assert live_log.shape == [("CallStarted", 0, 0), ("TextDelta", 0, 5)]


def test_a_vendors_bare_name_for_the_answer_is_not_published(live_log: LiveLog, valkey: redis.Redis) -> None:
    say(live_log, CallStarted("req", "m", {"openai": {"id": "x"}}), TextDelta("Hello"))

    assert texts(valkey) == [(1, "Hello")]


def test_a_log_that_redis_forgot_is_written_again(live_log: LiveLog, valkey: redis.Redis) -> None:
    say(live_log, TextDelta("One "), TextDelta("two "))
    valkey.flushdb()

    with listening(valkey, "channel") as heard:
        say(live_log, TextDelta("three"))

    assert texts(valkey) == [(1, "One "), (2, "two "), (3, "three")]
    assert [published(message) for message in heard] == [[(1, "One "), (2, "two "), (3, "three")]]
    assert 0 < valkey.ttl(KEY) <= 60


def test_a_log_of_which_redis_forgot_the_end_has_no_gap(live_log: LiveLog, valkey: redis.Redis) -> None:
    """It came back with what it had last saved."""
    say(live_log, TextDelta("One "), TextDelta("two "), TextDelta("three "))
    valkey.delete(KEY)
    valkey.xadd(KEY, {"e": orjson.dumps(codec.dump_item(TextDelta("One ")))}, id="1-0")

    say(live_log, TextDelta("four"))

    assert texts(valkey) == [(1, "One "), (2, "two "), (3, "three "), (4, "four")]


def test_a_repeat_after_a_lost_response_is_published_again_and_written_once(valkey: redis.Redis) -> None:
    """With more behind it, as the worker has gathered meanwhile."""
    append = scripts.append(valkey)
    entries = [orjson.dumps(codec.dump_item(TextDelta(text))) for text in ("One ", "two")]

    with listening(valkey, "channel") as heard:
        outcomes = [append(keys=[KEY], args=["channel", 1, 60, 1000, 0, 0, *entries[:count]]) for count in (1, 2)]

    assert outcomes == [Appended.DONE, Appended.DONE]
    assert texts(valkey) == [(1, "One "), (2, "two")]
    assert [published(message) for message in heard] == [[(1, "One ")], [(1, "One "), (2, "two")]]


def test_a_redis_that_lost_the_script_is_sent_it_again(live_log: LiveLog, valkey: redis.Redis) -> None:
    say(live_log, TextDelta("One "))
    valkey.script_flush()

    say(live_log, TextDelta("two"))

    assert texts(valkey) == [(1, "One "), (2, "two")]


def test_much_at_once_is_left_to_the_log(live_log: LiveLog, valkey: redis.Redis) -> None:
    much = "x" * publish.MAX_PUBLISHED_BYTES

    with listening(valkey, "channel") as heard:
        say(live_log, TextDelta(much), TextDelta("!"))

    logged = texts(valkey)
    assert "".join(text for _, text in logged) == much + "!"
    assert [position for position, _ in logged] == list(range(1, len(logged) + 1))
    assert max(len(text) for _, text in logged) == publish.MAX_JOINED_CHARACTERS
    assert heard[0] == b""
    assert published(heard[1]) == [(len(logged), "!")]


def test_adjacent_events_of_one_kind_are_joined() -> None:
    events: list[StreamEvent] = [
        *(TextDelta("Hel"), TextDelta("lo"), TextDelta("other", choice=1)),
        *(ToolCallDelta(0, "call_1", "look", "{"), ToolCallDelta(0, arguments="}"), ToolCallDelta(1, arguments="[")),
        *(RefusalDelta("I "), RefusalDelta("won't")),
    ]
    waiting: list[StreamEvent | RunEnded] = []

    for event in events:
        publish.join(waiting, event)

    assert waiting == [
        TextDelta("Hello"),
        TextDelta("other", choice=1),
        ToolCallDelta(0, "call_1", "look", "{}"),
        ToolCallDelta(1, arguments="["),
        RefusalDelta("I won't"),
    ]


def test_what_is_joined_stays_short() -> None:
    """Joining copies what is there, for each token anew."""
    waiting: list[StreamEvent | RunEnded] = []

    for _ in range(publish.MAX_JOINED_CHARACTERS + 1):
        publish.join(waiting, TextDelta("x"))

    assert waiting == [TextDelta("x" * publish.MAX_JOINED_CHARACTERS), TextDelta("x")]


TOO_LARGE = ToolCallDelta(index=10**30, arguments="{")


def test_after_an_event_that_cannot_be_encoded_only_the_end_is_published(
    live_log: LiveLog, valkey: redis.Redis
) -> None:
    """What came before it was published; what comes after would leave a gap."""
    with listening(valkey, "channel") as heard:
        say(live_log, TextDelta("Hel"), TOO_LARGE, TextDelta("lo"))
        was_broken, is_whole = live_log.is_broken, live_log.gather()
        live_log.end(RunEnded(RunStatus.FAILED))

    assert (was_broken, is_whole) == (True, False)
    assert texts(valkey) == [(1, "Hel"), (2, "")]
    # The end, and a reminder to look at the row.
    assert [published(message) for message in heard] == [[(1, "Hel")], [(2, "")], []]
    assert live_log.shape == [("TextDelta", 0, 3), ("RunEnded", 0, 0)]


def test_gathering_shows_that_a_waiting_event_cannot_be_encoded(live_log: LiveLog) -> None:
    live_log.add(TextDelta("Hel"))
    live_log.add(TOO_LARGE)
    assert not live_log.is_broken

    assert not live_log.gather()


def test_an_end_that_cannot_be_encoded_has_its_readers_look_at_the_row(live_log: LiveLog, valkey: redis.Redis) -> None:
    with listening(valkey, "channel") as heard:
        live_log.end(RunEnded(RunStatus.COMPLETED, error_facts={"retry_after": 10**30}))

    assert heard == [b""]
    assert texts(valkey) == []


def test_one_log_that_breaks_holds_up_no_other(valkey: redis.Redis) -> None:
    """They share a thread, which goes on after the failure."""
    flusher = Flusher(valkey)
    broken, sound = (
        LiveLog(flusher=flusher, run_id=run_id, channel=run_id, attempt=1, keep_seconds=60)
        for run_id in ("run_1", "run_2")
    )
    for live_log in (broken, sound):
        live_log.add(TextDelta("Hel"))
    broken.add(TOO_LARGE)
    eventually(lambda: broken.is_broken, bool)

    sound.add(TextDelta("lo"))

    key = codec.log_key("run_2", 1)
    eventually(lambda: valkey.xlen(key), lambda length: length == 2)
    assert flusher.is_well


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_flusher_whose_thread_died_is_known_and_gets_another(valkey: redis.Redis) -> None:
    class Fatal(LiveLog):
        def flush(self) -> None:
            raise SystemExit

    flusher = Flusher(valkey)
    flusher.wake(Fatal(flusher=flusher, run_id="run_1", channel="channel", attempt=1, keep_seconds=60))
    eventually(lambda: flusher.is_well, lambda is_well: not is_well)

    sound = LiveLog(flusher=flusher, run_id="run_2", channel="channel", attempt=1, keep_seconds=60)
    sound.add(TextDelta("Hel"))
    sound.add(TextDelta("lo"))

    eventually(lambda: valkey.xlen(codec.log_key("run_2", 1)), lambda length: length == 2)
    assert flusher.is_well


def test_a_redis_that_is_away_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with redis.Redis(port=1, retry=Retry(NoBackoff(), 0)) as nobody:
        lost = LiveLog(flusher=Flusher(nobody), run_id="run_3", channel="channel", attempt=1, keep_seconds=60)
        say(lost, TextDelta("One "), TextDelta("two "), TextDelta("three"))

    assert [record.levelname for record in caplog.records] == ["WARNING"]
