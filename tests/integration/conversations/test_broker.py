"""Waking workers: the message is Celery's own to the letter, and its absence is no error."""

from typing import Any

import orjson
import pytest
import redis
from celery import current_app
from kombu.transport.virtual import Base64
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from conversations import broker
from conversations.brokers.protocol import BrokerAway

pytestmark = pytest.mark.django_db

# Drawn anew for each message.
DRAWN_PROPERTIES = {"correlation_id", "delivery_tag", "reply_to"}
DRAWN_HEADERS = {"id", "root_id"}


def take(valkey: redis.Redis) -> dict[str, Any]:
    """The next message a worker would be given."""
    found: Any = valkey.rpop("runs")
    message: dict[str, Any] = orjson.loads(found)
    return message


def without(fields: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def test_wakes_with_the_message_that_celery_itself_would_send(
    valkey: redis.Redis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        broker.wake_run(account_id=9, run_id=7_000_000_001)
    ours = take(valkey)
    kwargs = {"account_id": 9, "run_id": 7_000_000_001}
    current_app.send_task(broker.EXECUTE_RUN, kwargs=kwargs, queue="runs", ignore_result=True, retry=False)
    theirs = take(valkey)

    assert list(ours) == list(theirs)
    assert orjson.loads(Base64().decode(ours["body"])) == orjson.loads(Base64().decode(theirs["body"]))
    assert (ours["content-type"], ours["content-encoding"]) == (theirs["content-type"], theirs["content-encoding"])
    assert list(ours["headers"]) == list(theirs["headers"])
    assert without(ours["headers"], DRAWN_HEADERS) == without(theirs["headers"], DRAWN_HEADERS)
    assert list(ours["properties"]) == list(theirs["properties"])
    assert without(ours["properties"], DRAWN_PROPERTIES) == without(theirs["properties"], DRAWN_PROPERTIES)
    assert valkey.llen("runs") == 0


def test_draws_an_id_of_its_own_for_each_message(
    valkey: redis.Redis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        broker.wake_run(account_id=9, run_id=1)
        broker.wake_run(account_id=9, run_id=1)

    first, second = take(valkey), take(valkey)

    for message in (first, second):
        drawn = {message["headers"]["id"], message["headers"]["root_id"], message["properties"]["correlation_id"]}
        assert len(drawn) == 1
    assert first["headers"]["id"] != second["headers"]["id"]
    assert first["properties"]["delivery_tag"] != second["properties"]["delivery_tag"]


def test_sends_nothing_before_the_commit(valkey: redis.Redis) -> None:
    broker.wake_run(account_id=9, run_id=1)

    assert valkey.llen("runs") == 0


def test_asks_for_one_sweep_at_a_time(valkey: redis.Redis) -> None:
    broker.wake_sweep()
    broker.wake_sweep()

    assert valkey.llen("upkeep") == 1
    found: Any = valkey.rpop("upkeep")
    assert orjson.loads(found)["headers"]["task"] == "conversations.runs.sweep"

    broker.wake_sweep()

    assert valkey.llen("upkeep") == 1


def test_asks_for_a_sweep_also_while_erasures_wait(
    valkey: redis.Redis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        broker.wake_erasures()
        broker.wake_erasures()

    broker.wake_sweep()

    queued: dict[str, Any] = {queue: valkey.lrange(queue, 0, -1) for queue in broker.QUEUES}
    names = {queue: [orjson.loads(message)["headers"]["task"] for message in found] for queue, found in queued.items()}
    assert names == {
        "runs": [],
        "webhooks": [],
        "upkeep": ["conversations.runs.sweep"],
        "erasures": ["conversations.erasures.erase"],
        "knowledge": [],
    }


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "amqp://guest:hunter2@127.0.0.1:1//"])
def test_takes_a_broker_that_is_away_for_no_error(
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    valkey: redis.Redis,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    url: str,
) -> None:
    settings.BROKER_URL = url
    broker.current.cache_clear()
    try:
        broker.wake_sweep()
        with django_capture_on_commit_callbacks(execute=True):
            broker.wake_run(account_id=9, run_id=1)
            broker.wake_first(runs=[(9, 2), (9, 3)])
            broker.wake_deliveries()
        with pytest.raises(BrokerAway):
            broker.next_runs(most=1)
    finally:
        broker.current.cache_clear()

    assert valkey.llen("runs") == 0
    assert [record.message.count("wake_up_not_sent") for record in caplog.records] == [1, 1, 1, 1]
    assert "hunter2" not in caplog.text


def test_knows_the_next_runs(
    valkey: redis.Redis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    assert broker.next_runs(most=10) == []

    with django_capture_on_commit_callbacks(execute=True):
        broker.wake_run(account_id=9, run_id=1)
        broker.wake_run(account_id=9, run_id=2)
        broker.wake_first(runs=[(9, 3), (8, 4)])
        broker.wake_first(runs=[])

    assert broker.next_runs(most=10) == [3, 4, 1, 2]
    assert broker.next_runs(most=3) == [3, 4, 1]
    assert take(valkey)["headers"]["kwargsrepr"] == "{'account_id': 9, 'run_id': 3}"


@pytest.mark.parametrize(
    "strange", [b"", b"{}", b"[]", b'{"body": 1}', b'{"body": "e30="}', b'{"body": "W1tdLCB7InJ1bl9pZCI6ICJ4In1d"}']
)
def test_passes_by_what_is_no_wake_up_of_a_run(
    valkey: redis.Redis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, strange: bytes
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        broker.wake_run(account_id=9, run_id=1)
    valkey.rpush("runs", strange)

    assert broker.next_runs(most=10) == [1]
