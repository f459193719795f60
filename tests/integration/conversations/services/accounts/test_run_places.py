"""The sweep renews the places of active runs whose keys or accounts are limited."""

from typing import Any

import pytest
import redis
from django.conf import LazySettings

from conversations.models import Account, Task
from conversations.rate_limits import places
from conversations.services.accounts import run_places
from conversations.stores import redis_clients
from conversations.stores import run_places as run_place_names
from conversations.stores.run_places import runs_of_account, runs_of_key
from conversations.values.callers import Caller
from tests.builders.factories import ApiKeyFactory, RunFactory

pytestmark = pytest.mark.django_db


def active(account: Account, **limits: int) -> tuple[str, int]:
    """An active run's id, and its key's."""
    key = ApiKeyFactory.create(account=account, **limits)
    return RunFactory.create(account=account, api_key=key).public_id, key.pk


def members(valkey: redis.Redis, name: str) -> list[str]:
    found: list[Any] = valkey.zrange(name, 0, -1)
    return [member.decode() for member in found]


def test_a_run_takes_a_place_of_its_key_by_the_setting(ann: Account, valkey: redis.Redis) -> None:
    run, key = active(ann)

    run_places.renew()

    assert members(valkey, runs_of_key(str(key))) == [run]
    assert members(valkey, runs_of_account(ann.pk)) == []


def test_a_run_takes_a_place_of_its_account_where_that_is_limited(ann: Account, valkey: redis.Redis) -> None:
    Account.objects.filter(pk=ann.pk).update(concurrent_runs=5)
    (one, its_key), (other, free_key) = active(ann), active(ann, concurrent_runs=0)

    run_places.renew()

    assert members(valkey, runs_of_account(ann.pk)) == sorted([one, other])
    assert members(valkey, runs_of_key(str(its_key))) == [one]
    assert members(valkey, runs_of_key(str(free_key))) == []


def test_nothing_is_kept_of_runs_without_limits(ann: Account, valkey: redis.Redis, settings: LazySettings) -> None:
    settings.CONCURRENT_RUNS = 0
    active(ann)

    run_places.renew()

    assert valkey.keys("parley:runs:*") == [b"parley:runs:marker"]


def test_a_task_takes_no_place(ann: Account, valkey: redis.Redis) -> None:
    run, key = active(ann)
    waiting = RunFactory.create(account=ann, api_key_id=key)
    Task.objects.create(account=ann, run=waiting, public_id="task")

    run_places.renew()

    assert members(valkey, runs_of_key(str(key))) == [run]


@pytest.mark.faults
def test_an_outage_of_redis_is_one_line_in_the_log(
    ann: Account, valkey: redis.Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    active(ann)
    nobody = redis.Redis(port=9, socket_connect_timeout=1)
    for _ in range(2):
        with monkeypatch.context() as away:
            away.setattr(redis_clients, "client", lambda: nobody)
            run_places.renew()
            run_places.renew()
        run_places.renew()

    assert caplog.text.count("places_not_renewed") == 2


def test_a_visitors_run_keeps_the_place_that_its_facts_say(ann: Account, valkey: redis.Redis) -> None:
    run = RunFactory.create(account=ann, api_key=None).public_id
    visitor = Caller(account_id=ann.pk, api_key_id=None, visitor="v1").limited_as
    facts = run_place_names.facts(run_id=run, limited_as=visitor, account_id=ann.pk, tokens=0, intervals=(0, 0))
    valkey.set(run_place_names.facts_key(run), facts)
    valkey.set(places.MARKER, "")

    run_places.renew()

    assert members(valkey, runs_of_key(visitor)) == [run]
    assert members(valkey, runs_of_key("0")) == []
    valkey.eval(run_place_names.RELEASE, 1, run_place_names.facts_key(run))
    assert members(valkey, runs_of_key(visitor)) == []
