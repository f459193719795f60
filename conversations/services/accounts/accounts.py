"""Accounts and their keys: made, looked up, revoked."""

from collections.abc import Mapping
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.rules import api_keys, texts
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.values.callers import Caller

LAST_USED_PRECISION = timedelta(minutes=1)


def get_or_create(*, name: str) -> Account:
    """The account of this name, made when new. Raises InvalidRequest for a name that cannot be one."""
    _check_name(Account(name=name), "account name")
    return Account.objects.get_or_create(name=name)[0]


def _check_name(row: Account | ApiKey, what: str) -> None:
    try:
        row._meta.get_field("name").clean(texts.storable(row.name, param="name", path=what), row)
    except ValidationError as exc:
        raise errors.InvalidRequest(f"{what}: {' '.join(exc.messages)}") from exc


def set_active(*, account_ids: list[int], is_active: bool) -> int:
    """Enables or disables the accounts that are not so already; how many those were."""
    return Account.objects.filter(pk__in=account_ids, is_active=not is_active).update(is_active=is_active)


def set_limits(*, account_id: int, limits: Mapping[Quota, int | None]) -> None:
    """How many of what the account may have; None: as many as the installation's settings say."""
    Account.objects.filter(pk=account_id).update(**{f"max_{quota}": number for quota, number in limits.items()})


def create_key(*, account: Account, name: str = "", secret: str = "") -> str:
    """A new key of the account, returned this once; only its hash is kept. `secret` is an operator's own key.

    Raises InvalidRequest for a name that cannot be one, and when another account already has this secret; an
    account's own is left as it is. Raises QuotaExceeded.
    """
    _check_name(ApiKey(name=name), "key name")
    secret = secret or api_keys.new_key()
    digest = api_keys.hash_key(secret)
    own = ApiKey.objects.for_account(account).filter(key_hash=digest, revoked_at=None)
    # Looked for first: PostgreSQL logs a refused INSERT with its values, and a given key comes at every start.
    if own.exists():
        return secret
    try:
        with transaction.atomic():
            working = ApiKey.objects.for_account(account).filter(revoked_at=None)
            quotas.check_room(account_id=account.pk, quota=Quota.API_KEYS, rows=working)
            ApiKey.objects.create(account=account, name=name, prefix=api_keys.prefix(secret), key_hash=digest)
    except IntegrityError as exc:
        if not own.exists():
            raise errors.InvalidRequest("This key is taken or was revoked; choose another one.") from exc
    return secret


def find_key(*, secret: str) -> ApiKey:
    """The row of a key just made. Raises ApiKey.DoesNotExist."""
    return ApiKey.objects.get(key_hash=api_keys.hash_key(secret))


def revoke_keys(*, key_ids: list[int]) -> int:
    """Revokes the keys that still work; how many those were."""
    return ApiKey.objects.filter(pk__in=key_ids, revoked_at=None).update(revoked_at=Now())


def authenticate(*, secret: str) -> Caller:
    """Raises InvalidKey or AccountDisabled. Notes the use, to the minute, so that most look-ups write nothing."""
    keys = ApiKey.objects.filter(key_hash=api_keys.hash_key(secret), revoked_at=None)
    key = keys.select_related("account").defer("key_hash").first()
    if key is None:
        raise errors.InvalidKey
    account = key.account
    if not account.is_active:
        raise errors.AccountDisabled
    ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=Now() - LAST_USED_PRECISION), pk=key.pk).update(
        last_used_at=Now()
    )
    return Caller(
        account_id=account.pk,
        api_key_id=key.pk,
        may_begin_conversations=account.conversations_kept < quotas.limit(account, Quota.CONVERSATIONS),
        may_take_idempotency_keys=account.idempotency_keys_kept < quotas.limit(account, Quota.IDEMPOTENCY_KEYS),
    )
