"""API keys: created, revoked, and looked up to authenticate a caller."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.models.webhooks.endpoints import has_endpoint
from conversations.rules import api_keys
from conversations.services.accounts import accounts, quotas
from conversations.services.accounts.quotas import Quota
from conversations.values.callers import Caller

LAST_USED_PRECISION = timedelta(minutes=1)


def create(*, account: Account, name: str = "", secret: str = "") -> str:
    """A new key's secret, of which only the hash is stored. `secret` is an operator's own; the default is random.

    A secret that the account already uses is left as it is. Raises InvalidRequest for an invalid name, and for a secret
    that another account uses or that was revoked. Raises QuotaExceeded.
    """
    accounts.check_name(ApiKey(name=name), "key name")
    secret = secret or api_keys.new_key()
    digest = api_keys.hash_key(secret)
    own = ApiKey.objects.for_account(account).filter(key_hash=digest, revoked_at=None)
    # Looked for first: an operator's key comes at every start, and PostgreSQL logs a refused INSERT with its values.
    if own.exists():
        return secret
    try:
        with transaction.atomic():
            active = ApiKey.objects.for_account(account).filter(revoked_at=None)
            quotas.check_count(account_id=account.pk, quota=Quota.API_KEYS, rows=active)
            ApiKey.objects.create(account=account, name=name, prefix=api_keys.prefix(secret), key_hash=digest)
    except IntegrityError as exc:
        if not own.exists():
            raise errors.InvalidRequest("This key is taken or was revoked; choose another one.") from exc
    return secret


def find(*, secret: str) -> ApiKey:
    """Raises ApiKey.DoesNotExist."""
    return ApiKey.objects.get(key_hash=api_keys.hash_key(secret))


def revoke(*, key_ids: list[int]) -> int:
    """Revokes the keys that are not revoked yet; their number."""
    return ApiKey.objects.filter(pk__in=key_ids, revoked_at=None).update(revoked_at=Now())


def authenticate(*, secret: str) -> Caller:
    """The caller that holds the secret. Raises InvalidKey or AccountDisabled.

    Notes the use to the minute, so that most look-ups write nothing.
    """
    keys = ApiKey.objects.filter(key_hash=api_keys.hash_key(secret), revoked_at=None)
    key = keys.select_related("account").defer("key_hash").annotate(has_endpoints=has_endpoint()).first()
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
        may_begin_conversations=account.conversation_count < quotas.limit(account, Quota.CONVERSATIONS),
        may_take_idempotency_keys=account.idempotency_key_count < quotas.limit(account, Quota.IDEMPOTENCY_KEYS),
        has_endpoints=key.has_endpoints,
    )
