"""Accounts and keys: only a hash is kept, revoking is final, and a start may be repeated."""

import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.services.accounts import accounts, first_start
from conversations.values.callers import Caller
from tests.fakes import database_clock
from tests.integration.conversations import making

pytestmark = pytest.mark.django_db

GIVEN = "an-operators-own-key-0123456789"


@pytest.fixture
def ann() -> Account:
    return making.account("ann")


def authenticate(secret: str) -> Caller:
    return accounts.authenticate(secret=secret)


def test_a_key_is_kept_as_its_hash_and_a_prefix(ann: Account) -> None:
    secret = accounts.create_key(account=ann, name="laptop")

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
    made = {accounts.create_key(account=ann) for _ in range(20)}

    assert len(made) == 20
    assert all(key.startswith("sk-") and key.isascii() for key in made)


def test_a_key_says_whose_it_is_and_notes_its_use(ann: Account) -> None:
    secret = accounts.create_key(account=ann)

    caller = authenticate(secret)

    key = ApiKey.objects.get()
    assert (caller.account_id, caller.api_key_id) == (ann.pk, key.pk)
    assert key.last_used_at is not None


def test_a_use_within_the_minute_writes_nothing_more(ann: Account) -> None:
    secret = accounts.create_key(account=ann)
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
    accounts.create_key(account=ann)

    with pytest.raises(errors.InvalidKey):
        authenticate(secret)


def test_a_revoked_key_stays_revoked_and_others_work(ann: Account) -> None:
    lost, kept = accounts.create_key(account=ann), accounts.create_key(account=ann)
    lost_id = authenticate(lost).api_key_id

    assert accounts.revoke_keys(key_ids=[lost_id]) == 1
    revoked_at = ApiKey.objects.get(pk=lost_id).revoked_at
    assert accounts.revoke_keys(key_ids=[lost_id]) == 0

    assert ApiKey.objects.get(pk=lost_id).revoked_at == revoked_at
    with pytest.raises(errors.InvalidKey):
        authenticate(lost)
    assert authenticate(kept).account_id == ann.pk


def test_a_disabled_accounts_keys_are_refused(ann: Account) -> None:
    secret = accounts.create_key(account=ann)
    Account.objects.update(is_active=False)

    with pytest.raises(errors.AccountDisabled):
        authenticate(secret)

    assert ApiKey.objects.get().last_used_at is None


def test_an_operators_key_may_be_given_again_but_never_to_another_account(ann: Account) -> None:
    accounts.create_key(account=ann, secret=GIVEN)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        accounts.create_key(account=ann, secret=GIVEN)
    with pytest.raises(errors.InvalidRequest, match="taken or was revoked"):
        accounts.create_key(account=making.account("bob"), secret=GIVEN)

    # A refused INSERT would stand in PostgreSQL's log with the hash, at every start.
    assert not any("INSERT" in query["sql"] for query in queries)
    assert ApiKey.objects.count() == 1
    assert authenticate(GIVEN).account_id == ann.pk


def test_a_revoked_operators_key_does_not_come_back(ann: Account) -> None:
    accounts.create_key(account=ann, secret=GIVEN)
    accounts.revoke_keys(key_ids=[ApiKey.objects.get().pk])

    with pytest.raises(errors.InvalidRequest, match="taken or was revoked"):
        accounts.create_key(account=ann, secret=GIVEN)

    with pytest.raises(errors.InvalidKey):
        authenticate(GIVEN)


def test_an_account_is_made_once() -> None:
    assert accounts.get_or_create(name="ann").pk == accounts.get_or_create(name="ann").pk
    assert Account.objects.count() == 1


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x00b", "half \ud83d"])
def test_an_account_needs_a_name_that_can_be_stored(name: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="account name"):
        accounts.get_or_create(name=name)

    assert not Account.objects.exists()


def test_create_key_prints_the_key_alone_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_key", account="new one")

    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert authenticate(printed.strip()).account_id == Account.objects.get(name="new one").pk


@pytest.mark.parametrize("bad", ["x" * 300, "a\x00b", "half \ud83d"], ids=repr)
@pytest.mark.parametrize("named", ["account", "name"])
def test_create_key_refuses_a_bad_name(named: str, bad: str) -> None:
    with pytest.raises(CommandError, match="name"):
        call_command("create_key", **{"account": "ann", named: bad})

    assert not ApiKey.objects.exists()


def test_a_first_start_makes_what_was_not_given_once() -> None:
    first = first_start.prepare(api_key="", admin_password="")
    again = first_start.prepare(api_key="", admin_password="")

    admin = get_user_model().objects.get()
    assert first.api_key is not None
    assert first.admin_password is not None
    assert authenticate(first.api_key).account_id == Account.objects.get().pk
    assert admin.check_password(first.admin_password)
    assert (admin.username, admin.is_superuser) == ("admin", True)
    assert again == first_start.FirstStart(api_key=None, admin_password=None)
    assert ApiKey.objects.count() == 1


def test_a_start_puts_what_was_given_in_force_and_shows_nothing() -> None:
    made = first_start.prepare(api_key="", admin_password="").api_key
    assert made is not None

    for _ in range(2):
        shown = first_start.prepare(api_key=GIVEN, admin_password="a new password")

        assert shown == first_start.FirstStart(api_key=None, admin_password=None)
    assert authenticate(GIVEN).account_id == authenticate(made).account_id
    assert get_user_model().objects.get().check_password("a new password")
    assert ApiKey.objects.count() == 2
