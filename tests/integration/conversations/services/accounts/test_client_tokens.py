"""Client tokens: what an account that signs them is looked up for, what they mean, and what a key may mint."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from conversations import errors
from conversations.models import Account, ApiKey, VisitorSecret
from conversations.rules.client_tokens import claims, signatures
from conversations.services.accounts import accounts, client_tokens, visitor_secrets
from conversations.services.accounts.client_tokens import Wanted
from conversations.values.callers import Caller, Limits
from tests.builders.factories import AccountFactory

pytestmark = pytest.mark.django_db

NOW = 1_800_000_000.0


def key(account: Account, **rights: object) -> Caller:
    made, _ = ApiKey.objects.get_or_create(account=account, prefix="sk-x", key_hash=account.name.encode())
    return Caller(account_id=account.pk, api_key_id=made.pk, **rights)  # type: ignore[arg-type] # some of its fields


def mint(account: Account, wanted: Wanted, **rights: object) -> str:
    return client_tokens.mint(wanted, caller=key(account, **rights), now=NOW)[0]


def caller(account: Account, token: str, *, now: float = NOW) -> Caller:
    return client_tokens.caller_of(token, client_tokens.find_signer(account.public_id), now=now)


def test_a_minted_token_is_its_visitors(ann: Account) -> None:
    found = caller(ann, mint(ann, Wanted("访客一", limits=Limits(5, 900, 2))))

    assert (found.account_id, found.api_key_id, found.visitor) == (ann.pk, None, "访客一")
    assert (found.scopes, found.models, found.is_operator) == (claims.SCOPES, (), False)
    assert found.key_limits == Limits(5, 900, 2)


def test_an_account_is_looked_up_in_three_queries(ann: Account) -> None:
    visitor_secrets.current(account_id=ann.pk)
    visitor_secrets.rotate(account_id=ann.pk)

    with CaptureQueriesContext(connection) as queries:
        signer = client_tokens.find_signer(ann.public_id)

    assert len(queries) == 3
    assert len(signer.secrets) == 2


@pytest.mark.parametrize("account", ["", "acc_0", "%", "' OR 1=1"])
def test_an_account_that_nobody_has_is_a_wrong_key(ann: Account, account: str) -> None:
    visitor_secrets.current(account_id=ann.pk)

    with pytest.raises(errors.InvalidKey):
        client_tokens.find_signer(account)


def test_an_account_without_a_secret_signs_none(ann: Account) -> None:
    with pytest.raises(errors.InvalidKey):
        client_tokens.find_signer(ann.public_id)


def test_a_secret_that_cannot_be_read_leaves_the_others(ann: Account) -> None:
    visitor_secrets.current(account_id=ann.pk)
    VisitorSecret.objects.update(encrypted="of another key")
    visitor_secrets.rotate(account_id=ann.pk)

    assert caller(ann, mint(ann, Wanted("v1"))).visitor == "v1"


def test_only_a_holder_of_a_token_learns_that_the_account_is_disabled(ann: Account) -> None:
    token = mint(ann, Wanted("v1"))
    accounts.set_active(account_ids=[ann.pk], is_active=False)

    with pytest.raises(errors.AccountDisabled):
        caller(ann, token)
    with pytest.raises(errors.InvalidKey):
        caller(ann, signatures.sign({"iss": ann.public_id, "sub": "v1"}, secret="a" * 48))
    with pytest.raises(errors.KeyExpired):
        caller(ann, token, now=NOW + 3_600)


def test_the_same_visitor_of_two_accounts_is_counted_apart(ann: Account) -> None:
    bob = AccountFactory.create(name="bob")

    names = {caller(own, mint(own, Wanted(visitor))).limited_as for own in (ann, bob) for visitor in ("v1", "v2")}

    assert len(names) == 4
    assert not any(" " in name or "v1" in name for name in names)


def test_no_token_may_ask_more_than_a_key_of_the_account(ann: Account, settings: Settings) -> None:
    settings.CLIENT_TOKEN_REQUESTS_PER_MINUTE = 20
    limits = {"requests_per_minute": 7, "tokens_per_minute": 500, "concurrent_runs": 2}
    accounts.set_limits(account_id=ann.pk, limits=limits)
    asked = Limits(1_000, 100_000, 50)

    assert caller(ann, mint(ann, Wanted("v1", limits=asked))).key_limits == Limits(7, 500, 2)
    assert caller(ann, mint(ann, Wanted("v1"))).key_limits == Limits(7, 500, 2)
    assert caller(ann, mint(ann, Wanted("v1"))).account_limits == Limits(7, 500, 2)


def test_all_tokens_of_an_account_ask_no_more_together_than_a_key(ann: Account, settings: Settings) -> None:
    settings.REQUESTS_PER_MINUTE, settings.TOKENS_PER_MINUTE, settings.CONCURRENT_RUNS = 90, 700, 5

    found = [caller(ann, mint(ann, Wanted(visitor))) for visitor in ("v1", "v2")]

    # Answers that are waited for at once have a bound of their own (views/runs/reading/slots.py).
    assert [one.account_limits for one in found] == [Limits(90, 700, 0)] * 2
    assert found[0].account_id == found[1].account_id


def test_a_token_that_says_nothing_of_it_has_the_settings_limit(ann: Account, settings: Settings) -> None:
    settings.CLIENT_TOKEN_REQUESTS_PER_MINUTE = 11

    assert caller(ann, mint(ann, Wanted("v1"))).key_limits.requests_per_minute == 11


def test_a_key_mints_none_that_may_do_more_than_it(ann: Account) -> None:
    narrow = {"scopes": ("api", "yuju"), "key_limits": Limits(3, 0, 1)}

    found = caller(ann, mint(ann, Wanted("v1", limits=Limits(50, 70, 9)), **narrow))
    assert found.scopes == ("yuju", "runs", "conversations")
    assert found.key_limits == Limits(3, 70, 1)
    with pytest.raises(errors.OutOfScope):
        mint(ann, Wanted("v1", scopes=("openai",)), **narrow)
    with pytest.raises(errors.OutOfScope):
        mint(ann, Wanted("v1"), models=("echo*",))


def test_a_key_mints_for_assistants_of_its_account_alone(ann: Account) -> None:
    with pytest.raises(errors.InvalidRequest):
        mint(ann, Wanted("v1", assistant="asst_0"))
    assert not VisitorSecret.objects.exists()
