"""API keys: only a hash is stored, and revoking is final."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.services.accounts import accounts, api_keys
from conversations.services.accounts.key_options import KeyOptions
from conversations.values.callers import Caller
from tests import builders
from tests.builders.factories import AccountFactory
from tests.fakes import database_clock

pytestmark = pytest.mark.django_db

GIVEN = "an-operators-own-key-0123456789"


def authenticate(secret: str) -> Caller:
    return api_keys.authenticate(secret=secret)


def test_a_key_is_kept_as_its_hash_and_a_prefix(ann: Account) -> None:
    secret = api_keys.create(account=ann, name="laptop")

    key = ApiKey.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM conversations_apikey k")
        (row,) = cursor.fetchone()
    assert bytes(key.key_hash) == hashlib.sha256(secret.encode()).digest()
    assert (key.name, key.account, key.revoked_at, key.last_used_at) == ("laptop", ann, None, None)
    assert secret.startswith(key.prefix)
    assert secret[len(key.prefix) :] not in row
    assert len(secret) - len(key.prefix) >= 32


def test_keys_are_different_every_time(ann: Account) -> None:
    made = {api_keys.create(account=ann) for _ in range(20)}

    assert len(made) == 20
    assert all(key.startswith("sk-") and key.isascii() for key in made)


def test_a_key_says_whose_it_is_and_notes_its_use(ann: Account) -> None:
    secret = api_keys.create(account=ann)

    caller = authenticate(secret)

    key = ApiKey.objects.get()
    assert (caller.account_id, caller.api_key_id) == (ann.pk, key.pk)
    assert key.last_used_at is not None


def test_a_key_says_whether_its_account_has_endpoints(ann: Account, bob: Account) -> None:
    own, other = api_keys.create(account=ann), api_keys.create(account=bob)
    builders.webhooks.endpoint(ann)

    assert (authenticate(own).has_endpoints, authenticate(other).has_endpoints) == (True, False)


def test_a_use_within_the_minute_writes_nothing_more(ann: Account) -> None:
    secret = api_keys.create(account=ann)
    authenticate(secret)
    first = ApiKey.objects.get().last_used_at
    assert first is not None

    database_clock.stop_at(first + timedelta(seconds=59))
    authenticate(secret)
    assert ApiKey.objects.get().last_used_at == first

    database_clock.stop_at(first + timedelta(seconds=61))
    authenticate(secret)
    assert ApiKey.objects.get().last_used_at == first + timedelta(seconds=61)


@pytest.mark.parametrize("secret", ["", "sk-", "unknown", "\x00", "\ud800", "你好", "x" * 100_000])
def test_an_unknown_key_is_refused(ann: Account, secret: str) -> None:
    api_keys.create(account=ann)

    with pytest.raises(errors.InvalidKey):
        authenticate(secret)


def test_a_revoked_key_stays_revoked_and_others_work(ann: Account) -> None:
    lost, kept = api_keys.create(account=ann), api_keys.create(account=ann)
    lost_id = api_keys.find(secret=lost).pk

    assert api_keys.revoke(key_ids=[lost_id]) == 1
    revoked_at = ApiKey.objects.get(pk=lost_id).revoked_at
    assert api_keys.revoke(key_ids=[lost_id]) == 0

    assert ApiKey.objects.get(pk=lost_id).revoked_at == revoked_at
    with pytest.raises(errors.InvalidKey):
        authenticate(lost)
    assert authenticate(kept).account_id == ann.pk


def test_a_disabled_accounts_keys_are_refused(ann: Account) -> None:
    secret = api_keys.create(account=ann)
    Account.objects.update(is_active=False)

    with pytest.raises(errors.AccountDisabled):
        authenticate(secret)

    assert ApiKey.objects.get().last_used_at is None


def test_an_operators_key_may_be_given_again_but_never_to_another_account(ann: Account) -> None:
    api_keys.create(account=ann, secret=GIVEN)

    with CaptureQueriesContext(connection) as queries:
        api_keys.create(account=ann, secret=GIVEN)
    with pytest.raises(errors.InvalidRequest, match="taken or was revoked"):
        api_keys.create(account=AccountFactory.create(name="bob"), secret=GIVEN)

    # PostgreSQL would log a refused INSERT with the hash, at every start.
    assert not any("INSERT" in query["sql"] for query in queries)
    assert ApiKey.objects.count() == 1
    assert authenticate(GIVEN).account_id == ann.pk


def test_a_revoked_operators_key_does_not_come_back(ann: Account) -> None:
    api_keys.create(account=ann, secret=GIVEN)
    api_keys.revoke(key_ids=[ApiKey.objects.get().pk])

    with pytest.raises(errors.InvalidRequest, match="taken or was revoked"):
        api_keys.create(account=ann, secret=GIVEN)

    with pytest.raises(errors.InvalidKey):
        authenticate(GIVEN)


def test_a_look_up_writes_nothing_while_the_use_is_known_to_the_minute(ann: Account) -> None:
    secret = api_keys.create(account=ann)
    authenticate(secret)

    with CaptureQueriesContext(connection) as queries:
        authenticate(secret)

    assert [query["sql"][:6] for query in queries] == ["SELECT"]


def test_an_expired_key_is_refused_by_the_databases_clock(ann: Account) -> None:
    secret = api_keys.create(account=ann)
    key = api_keys.find(secret=secret)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=Now())

    with pytest.raises(errors.KeyExpired):
        authenticate(secret)

    assert ApiKey.objects.get().last_used_at is None


def test_a_revoked_key_that_has_expired_too_is_unknown(ann: Account) -> None:
    secret = api_keys.create(account=ann)
    ApiKey.objects.update(expires_at=Now(), revoked_at=Now())

    with pytest.raises(errors.InvalidKey):
        authenticate(secret)


@pytest.mark.parametrize(
    ("own", "of_account", "key_limits", "account_limits"),
    [
        (None, None, 3600, 0),
        (None, 50, 50, 50),
        (10, 50, 10, 50),
        (0, 50, 0, 50),
        (None, 0, 0, 0),
    ],
)
def test_an_empty_limit_is_the_accounts_and_then_the_settings(
    ann: Account, own: int | None, of_account: int | None, key_limits: int, account_limits: int
) -> None:
    secret = api_keys.create(account=ann, options=KeyOptions(requests_per_minute=own))
    accounts.set_limits(account_id=ann.pk, limits={"requests_per_minute": of_account})

    caller = authenticate(secret)

    assert caller.key_limits.requests_per_minute == key_limits
    assert caller.account_limits.requests_per_minute == account_limits


def test_keys_that_have_expired_do_not_count_towards_the_quota(ann: Account) -> None:
    Account.objects.filter(pk=ann.pk).update(max_api_keys=1)
    api_keys.create(account=ann, options=KeyOptions(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))

    assert api_keys.create(account=ann)
