"""Tokens that end before their time: which ones, for how long, and how many."""

import time
from dataclasses import replace
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from conversations import errors
from conversations.models import Account, ApiKey, TokenRevocation, Visitor
from conversations.rules.client_tokens import signatures
from conversations.services.accounts import api_keys, client_tokens, token_revocations, visitor_secrets
from conversations.services.accounts.client_tokens import Wanted
from conversations.services.visitors import removal
from conversations.values.callers import Caller
from tests import builders
from tests.builders.factories import AccountFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def signed(owner: Account, visitor: str = "v1", *, age: int = 5, **said: Any) -> str:
    now = int(time.time())
    claims = {"iss": owner.public_id, "sub": visitor, "iat": now - age, "exp": now + 600, **said}
    return signatures.sign(claims, secret=visitor_secrets.current(account_id=owner.pk))


def is_taken(owner: Account, token: str) -> bool:
    """As a web process that looks its account up now."""
    signer = client_tokens.find_signer(owner.public_id)
    try:
        return bool(client_tokens.caller_of(token, signer, now=time.time()))
    except errors.InvalidKey as refused:
        return refused.message != "The client token was revoked."


def bury(visitor: Visitor) -> None:
    removal.bury(removal.locked(account_id=visitor.account_id, visitor_ids=[visitor.public_id])[visitor.public_id])


def test_one_token_ends_and_no_other(ann: Account) -> None:
    token_revocations.revoke_token(account_id=ann.pk, token_id="t1")

    assert not is_taken(ann, signed(ann, jti="t1"))
    assert not is_taken(ann, signed(ann, "v2", jti="t1", age=-30))
    assert is_taken(ann, signed(ann, jti="t2"))
    assert is_taken(ann, signed(ann))
    assert is_taken(ann, signed(ann, jti=["t1"]))


def test_all_of_a_visitor_end_up_to_now(ann: Account) -> None:
    token_revocations.revoke_visitor(account_id=ann.pk, external_id="v1")

    assert not is_taken(ann, signed(ann))
    assert not is_taken(ann, signed(ann, jti="t1"))
    assert is_taken(ann, signed(ann, age=-30))
    assert is_taken(ann, signed(ann, "v2"))
    # As another browser of the same visitor, whose account calls it otherwise.
    assert is_taken(ann, signed(ann, "V1"))


def test_a_visitor_ends_under_all_of_its_ids(ann: Account) -> None:
    found = [builders.visitors.visitor(ann, name) for name in ("old", "new")]
    locked = removal.locked(account_id=ann.pk, visitor_ids=[one.public_id for one in found])
    removal.merge(locked[found[0].public_id], into=locked[found[1].public_id])
    assert is_taken(ann, signed(ann, "old"))

    token_revocations.revoke_visitor(account_id=ann.pk, external_id="old")

    assert not is_taken(ann, signed(ann, "old"))
    assert not is_taken(ann, signed(ann, "new"))


def test_a_visitor_that_is_deleted_ends_its_tokens_and_leaves_no_name(ann: Account) -> None:
    bury(builders.visitors.visitor(ann, "Ada Lovelace"))

    assert not is_taken(ann, signed(ann, "Ada Lovelace"))
    assert is_taken(ann, signed(ann, "Ada Lovelace", age=-30))
    assert b"Ada" not in b"".join(bytes(one) for one in TokenRevocation.objects.values_list("subject", flat=True))


def test_another_account_is_not_meant(ann: Account) -> None:
    bob = AccountFactory.create(name="bob")
    token_revocations.revoke_visitor(account_id=ann.pk, external_id="v1")
    token_revocations.revoke_token(account_id=ann.pk, token_id="t1")

    assert is_taken(bob, signed(bob, jti="t1"))


@pytest.mark.parametrize("how", ["revoked", "expired", "kept"])
def test_a_minted_token_ends_with_its_key(ann: Account, how: str) -> None:
    caller = api_keys.caller_of(ann, has_endpoints=False)
    key = ApiKey.objects.create(account=ann, prefix="sk-x", key_hash=b"x")
    token, said = client_tokens.mint(Wanted("v1"), caller=_of_key(caller, key), now=time.time())

    if how == "revoked":
        api_keys.revoke(key_ids=[key.pk])
    elif how == "expired":
        ApiKey.objects.filter(pk=key.pk).update(expires_at=Now())

    assert is_taken(ann, token) is (how == "kept")
    assert (said.key, said.id[:4]) == (key.public_id, "tok_")


def test_no_token_outlives_its_key(ann: Account) -> None:
    caller = api_keys.caller_of(ann, has_endpoints=False)
    key = ApiKey.objects.create(account=ann, prefix="sk-x", key_hash=b"x")
    ApiKey.objects.filter(pk=key.pk).update(expires_at=Now() + token_revocations.KEPT / 60)
    key.refresh_from_db()
    assert key.expires_at is not None

    _, said = client_tokens.mint(Wanted("v1", life_seconds=86_400), caller=_of_key(caller, key), now=time.time())

    assert said.expires_at == int(key.expires_at.timestamp())


def test_so_many_end_and_no_more(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_revocations, "MOST", 2)
    for name in ("t1", "t2", "t1"):
        token_revocations.revoke_token(account_id=ann.pk, token_id=name)

    with pytest.raises(errors.QuotaExceeded):
        token_revocations.revoke_token(account_id=ann.pk, token_id="t3")
    bury(builders.visitors.visitor(ann, "v1"))
    assert TokenRevocation.objects.count() == 2

    # Those that came beyond the bound at the same time as others have ended all the same.
    monkeypatch.setattr(token_revocations, "MOST", 1)
    assert [is_taken(ann, signed(ann, jti=name)) for name in ("t1", "t2", "t3")] == [False, False, True]

    # What no token can outlive makes room.
    TokenRevocation.objects.update(revoked_at=F("revoked_at") - token_revocations.KEPT)
    token_revocations.revoke_token(account_id=ann.pk, token_id="t3")
    assert TokenRevocation.objects.count() == 1


def _of_key(caller: Caller, key: ApiKey) -> Caller:
    return replace(caller, api_key_id=key.pk)
