"""API keys: created, changed, rotated, revoked, and looked up to authenticate a caller.

Nothing here asks who wants it: `key_management` does, for callers of the API.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Least, Now

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.models.webhooks.endpoints import has_endpoint
from conversations.queries.money import balances
from conversations.rules import api_keys
from conversations.services.accounts import key_options, quotas
from conversations.services.accounts.key_options import KeyOptions
from conversations.services.accounts.quotas import Quota
from conversations.values.callers import Caller

LAST_USED_PRECISION = timedelta(minutes=1)
# Keys are never deleted, because runs name them. So an account may make so many times its quota in a day, also when it
# revokes them again at once: else one key at full speed would add 170,000 rows a day.
NEW_KEYS_FACTOR = 10
A_DAY = timedelta(days=1)
# How long a key that was rotated works beside its successor, unless somebody says otherwise.
OVERLAP = timedelta(hours=24)

HAS_EXPIRED = Q(expires_at__isnull=False) & Q(expires_at__lte=Now())
WORKS = Q(revoked_at=None) & ~HAS_EXPIRED
IS_LONG_UNUSED = Q(last_used_at=None) | Q(last_used_at__lt=Now() - LAST_USED_PRECISION)


def create(
    *,
    account: Account,
    name: str = "",
    secret: str = "",
    is_operator: bool = False,
    options: KeyOptions = key_options.DEFAULT,
    made_by: str = "",
) -> str:
    """A new key's secret, of which only the hash is stored. `secret` is an operator's own; the default is random.

    `is_operator`: the key may also look at what concerns all accounts. `made_by`: the key that makes it, if one does.

    A secret that the account already uses is left as it is. Raises InvalidRequest for invalid options, and for a secret
    that another account uses or that was revoked. Raises QuotaExceeded, also for too many new ones in a day.
    """
    options = replace(options, name=name) if name else options
    key_options.check(options.columns)
    secret = secret or api_keys.new_key()
    digest = api_keys.hash_key(secret)
    own = ApiKey.objects.for_account(account).filter(key_hash=digest, revoked_at=None)
    # Looked for first: an operator's key comes at every start, and PostgreSQL logs a refused INSERT with its values.
    if own.exists():
        return secret
    try:
        with transaction.atomic():
            active = ApiKey.objects.for_account(account).filter(WORKS)
            _check_pace(quotas.check_count(account_id=account.pk, quota=Quota.API_KEYS, rows=active))
            ApiKey.objects.create(
                account=account,
                prefix=api_keys.prefix(secret),
                key_hash=digest,
                is_operator=is_operator,
                made_by=made_by,
                **options.columns,
            )
    except IntegrityError as exc:
        if not own.exists():
            raise errors.InvalidRequest("This key is taken or was revoked; choose another one.") from exc
    return secret


def find(*, secret: str) -> ApiKey:
    """Raises ApiKey.DoesNotExist."""
    return ApiKey.objects.get(key_hash=api_keys.hash_key(secret))


def change(key: ApiKey, columns: Mapping[str, Any]) -> None:
    """Raises InvalidRequest. `columns` are some of those of `KeyOptions`."""
    key_options.check(columns)
    if not columns:
        return
    with transaction.atomic():
        # Whoever judges what a key may do holds the account's lock, and relies on it until the transaction ends.
        Account.objects.select_for_update(no_key=True).get(pk=key.account_id)
        ApiKey.objects.for_account(key.account_id).filter(pk=key.pk).update(**columns)


def rotate(key: ApiKey, *, overlap: timedelta = OVERLAP, made_by: str = "") -> str:
    """The secret of a new key that may do what this one may. This one works for `overlap` more, if not for less.

    The successor expires when this one would have. Raises InvalidRequest for a key that does not work any more, and for
    one that has a successor: now it ends soon, and so would a second one. Raises QuotaExceeded.
    """
    with transaction.atomic():
        # Before the key, as `key_management` does: who locked them the other way round would wait for each other.
        account = Account.objects.select_for_update(no_key=True).get(pk=key.account_id)
        # As it is now: somebody may have taken rights from it since it was read.
        key = ApiKey.objects.for_account(account).get(pk=key.pk)
        if key.replaced_by:
            raise errors.InvalidRequest(f"The key was rotated already; {key.replaced_by} takes its place.")
        options = KeyOptions(**{name: getattr(key, name) for name in key_options.DEFAULT.columns})
        ends = Now() + overlap
        working = ApiKey.objects.for_account(account).filter(WORKS, pk=key.pk)
        sooner = Case(When(expires_at=None, then=ends), default=Least(F("expires_at"), ends))
        if not working.update(expires_at=sooner):
            raise errors.InvalidRequest("The key does not work any more.")
        secret = create(account=account, is_operator=key.is_operator, options=options, made_by=made_by)
        ApiKey.objects.for_account(account).filter(pk=key.pk).update(replaced_by=find(secret=secret).public_id)
    return secret


def revoke(*, key_ids: list[int]) -> int:
    """Revokes the keys that are not revoked yet; their number."""
    working = ApiKey.objects.filter(pk__in=key_ids, revoked_at=None)
    with transaction.atomic():
        # In the order of their ids: two that revoke the same keys would wait for each other.
        locked = [key.pk for key in working.order_by("pk").select_for_update(no_key=True).only("pk")]
        return ApiKey.objects.filter(pk__in=locked).update(revoked_at=Now())


def authenticate(*, secret: str) -> Caller:
    """The caller that holds the secret. Raises InvalidKey, KeyExpired or AccountDisabled.

    Notes the use to the minute; other look-ups write nothing.
    """
    key = _with_facts(ApiKey.objects.filter(key_hash=api_keys.hash_key(secret), revoked_at=None)).first()
    if key is None:
        raise errors.InvalidKey
    if key.has_expired:  # type: ignore[attr-defined]  # annotated
        raise errors.KeyExpired
    account = key.account
    if not account.is_active:
        raise errors.AccountDisabled
    if key.is_long_unused:  # type: ignore[attr-defined]  # annotated
        # Again under the row's lock: of many processes at once one writes.
        ApiKey.objects.filter(IS_LONG_UNUSED, pk=key.pk).update(last_used_at=Now())
    return replace(
        caller_of(account, has_endpoints=key.has_endpoints),  # type: ignore[attr-defined]  # annotated
        api_key_id=key.pk,
        is_operator=key.is_operator,
        scopes=tuple(key.scopes),
        models=tuple(key.model_patterns),
        key_limits=key_options.limits_of(key, account),
    )


def caller_of(account: Account, *, has_endpoints: bool) -> Caller:
    """What all callers of the account have in common. Its balance should be loaded."""
    return Caller(
        account_id=account.pk,
        api_key_id=None,
        may_begin_conversations=account.conversation_count < quotas.limit(account, Quota.CONVERSATIONS),
        may_take_idempotency_keys=account.idempotency_key_count < quotas.limit(account, Quota.IDEMPOTENCY_KEYS),
        may_make_visitors=account.visitor_count < quotas.limit(account, Quota.VISITORS),
        has_endpoints=has_endpoints,
        metering=balances.metering(account),
        account_limits=key_options.limits_of_account(account),
    )


def _check_pace(account: Account) -> None:
    """Raises QuotaExceeded. To be called with the account locked."""
    most = NEW_KEYS_FACTOR * quotas.limit(account, Quota.API_KEYS)
    # As two comparisons, so that it is answered by the account's part of an index: see queries/keyset.py.
    own = ApiKey.objects.filter(account__gte=account.pk, account__lte=account.pk).order_by("-account", "-pk")
    is_new = Case(When(created_at__gt=Now() - A_DAY, then=True), default=False)
    if any(own.annotate(is_new=is_new).values_list("is_new", flat=True)[most - 1 : most]):
        raise errors.QuotaExceeded(f"An account makes at most {most} API keys a day.")


def _with_facts(keys: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    """With their accounts, and what only the database's clock and other tables can say."""
    rows: QuerySet[ApiKey] = keys.select_related("account__balance").defer("key_hash")
    return rows.annotate(
        has_endpoints=has_endpoint(),
        has_expired=Case(When(HAS_EXPIRED, then=True), default=False),
        is_long_unused=Case(When(IS_LONG_UNUSED, then=True), default=False),
    )
