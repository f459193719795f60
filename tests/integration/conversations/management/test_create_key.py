"""`manage.py create_key`."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from conversations.models import Account, ApiKey, Balance
from conversations.services.accounts import api_keys

pytestmark = pytest.mark.django_db


def test_create_key_prints_the_key_alone_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_key", account="new one")

    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert api_keys.authenticate(secret=printed.strip()).account_id == Account.objects.get(name="new one").pk


@pytest.mark.parametrize("bad", ["x" * 300, "a\x00b", "half \ud83d"], ids=repr)
@pytest.mark.parametrize("named", ["account", "name"])
def test_create_key_refuses_a_bad_name(named: str, bad: str) -> None:
    with pytest.raises(CommandError, match="name"):
        call_command("create_key", **{"account": "ann", named: bad})

    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("is_operator", [False, True])
def test_create_key_makes_an_operators_key_when_asked_to(capsys: pytest.CaptureFixture[str], is_operator: bool) -> None:
    call_command("create_key", account="ann", operator=is_operator)

    caller = api_keys.authenticate(secret=capsys.readouterr().out.strip())

    assert caller.is_operator is is_operator


def test_create_key_bounds_the_key_as_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--account=ann", "--scope=openai", "--scope=keys", "--model=gpt-*", "--expires=2040-01-01"]
    limits = ["--requests-per-minute=30", "--tokens-per-minute=0", "--concurrency=5"]

    call_command("create_key", *words, *limits)

    key = ApiKey.objects.get()
    assert (key.scopes, key.model_patterns) == (["openai", "keys"], ["gpt-*"])
    assert (key.requests_per_minute, key.tokens_per_minute, key.concurrent_runs) == (30, 0, 5)
    assert key.expires_at == datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("--account=", "account name"),
        ("--account= ", "account name"),
        ("--name=" + "x" * 101, "key name"),
        ("--scope=", "scopes must be some of"),
        ("--scope=admin", "scopes must be some of"),
        ("--scope=keys\x00", "scopes must be some of"),
        ("--model=", "models.0 must be 1 to 200 visible"),
        ("--model=a b", "models.0 must be 1 to 200 visible"),
        ("--model=\x00", "models.0 must be 1 to 200 visible"),
        ("--expires=", "'' is no moment such as 2027-01-31"),
        ("--expires=soon", "'soon' is no moment such as 2027-01-31"),
        ("--expires=9999-12-31T23:59:59-23:59", "is no moment"),
        ("--expires=0001-01-01T00:00:00+14:00", "is no moment"),
        ("--concurrency=-1", "concurrent_runs must be a whole number from 0 to"),
        ("--requests-per-minute=" + "9" * 30, "requests_per_minute must be a whole number from 0 to"),
        ("--tokens-per-minute=" + "9" * 5000, "invalid int value"),
        ("--tokens-per-minute=1.5", "invalid int value"),
        ("--calls=-1", "A number of calls is from 0 to"),
        ("--calls=" + "9" * 30, "A number of calls is from 0 to"),
        ("--balance=-1", "An amount is from 0 to"),
        ("--balance=nan", "must be a number such as 12.50"),
        ("--balance=1e999999999", "must be a number such as 12.50"),
        ("--balance=", "'' must be a number such as 12.50"),
    ],
    ids=lambda text: text[:40],
)
def test_create_key_refuses_what_cannot_be_and_makes_nothing(word: str, problem: str) -> None:
    with pytest.raises(CommandError, match=re.escape(problem)):
        call_command("create_key", "--account=ann", "--name=shop", word)

    assert not Account.objects.exists()
    assert not ApiKey.objects.exists()


def test_create_key_opens_a_balance_with_the_key_or_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="concurrent_runs"):
        call_command("create_key", "--account=ann", "--balance=20", "--calls=5", "--concurrency=-1")
    assert not Account.objects.exists()

    call_command("create_key", "--account=ann", "--balance=20", "--calls=5")

    metering = api_keys.authenticate(secret=capsys.readouterr().out.strip()).metering
    balance = Balance.objects.get()
    assert metering is not None
    assert (metering.pays, balance.amount, balance.calls_left) == (True, Decimal(20), 5)


def test_create_key_opens_no_balance_of_an_account_that_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_key", "--account=ann")

    with pytest.raises(CommandError, match="The account ann is there already: use top_up"):
        call_command("create_key", "--account=ann", "--balance=20")

    assert ApiKey.objects.count() == 1
    assert not Balance.objects.exists()
