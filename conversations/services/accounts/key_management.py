"""Keys that manage the other keys of their account, within their own rights (ADR 44).

A key with the scope `keys` makes, changes, rotates and revokes keys that may do no more than it may itself. So the
secret of a weak one, once stolen, cannot be made into a strong one, nor lock the strong ones out.

Each call asks the database who calls and locks the account first: a key that was revoked a moment ago is still
remembered by web processes, but makes no other key any more.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import transaction

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.queries import api_keys as key_queries
from conversations.rules import key_rights
from conversations.services.accounts import api_keys, key_options
from conversations.services.accounts.key_options import KeyOptions
from conversations.values.callers import Caller

TOO_MUCH = "A key manages only keys that may do no more than it may itself."


def create(*, caller: Caller, options: KeyOptions) -> tuple[ApiKey, str]:
    """The new key and its secret, which is not returned again. Raises InvalidRequest, OutOfScope and QuotaExceeded."""
    key_options.check(options.columns)
    with _manager(caller) as manager:
        _check_rights(manager, ApiKey(account=manager.account, is_operator=False, **options.columns))
        secret = api_keys.create(account=manager.account, options=options, made_by=manager.public_id)
        return api_keys.find(secret=secret), secret


def change(*, caller: Caller, key_id: str, columns: Mapping[str, Any]) -> ApiKey:
    """Neither what the key was nor what it becomes may be more than the caller's. Raises also NotFound."""
    key_options.check(columns)
    with _manager(caller) as manager:
        key = _managed(manager, key_id)
        for name, value in columns.items():
            setattr(key, name, value)
        _check_rights(manager, key)
        api_keys.change(key, columns)
    return key_queries.for_account(account_id=caller.account_id, key_id=key_id)


def rotate(*, caller: Caller, key_id: str, overlap: timedelta) -> tuple[ApiKey, str]:
    """The key's successor and its secret. Raises as `change` does, and QuotaExceeded."""
    with _manager(caller) as manager:
        key = _managed(manager, key_id)
        secret = api_keys.rotate(key, overlap=overlap, made_by=manager.public_id)
        return api_keys.find(secret=secret), secret


def revoke(*, caller: Caller, key_id: str) -> ApiKey:
    """Revoking a revoked key changes nothing. A key may revoke itself. Raises NotFound and OutOfScope."""
    with _manager(caller) as manager:
        api_keys.revoke(key_ids=[_managed(manager, key_id).pk])
    return key_queries.for_account(account_id=caller.account_id, key_id=key_id)


@contextmanager
def _manager(caller: Caller) -> Iterator[ApiKey]:
    """The caller's key, in a transaction that has locked its account.

    Raises InvalidKey, OutOfScope or AccountDisabled when it may not do this any more.
    """
    if caller.api_key_id is None:
        raise errors.OutOfScope
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get(pk=caller.account_id)
        if not account.is_active:
            raise errors.AccountDisabled
        key = ApiKey.objects.for_account(account).filter(api_keys.WORKS, pk=caller.api_key_id).first()
        if key is None:
            raise errors.InvalidKey
        if not key_rights.may_speak(key.scopes, key_rights.KEYS):
            raise errors.OutOfScope
        key.account = account
        yield key


def _managed(manager: ApiKey, key_id: str) -> ApiKey:
    key = key_queries.for_account(account_id=manager.account_id, key_id=key_id)
    key.account = manager.account
    _check_rights(manager, key)
    return key


def _check_rights(manager: ApiKey, key: ApiKey) -> None:
    of_manager, of_key = (key_options.rights_of(one, manager.account) for one in (manager, key))
    if not of_manager.cover(of_key):
        raise errors.OutOfScope(TOO_MUCH)
