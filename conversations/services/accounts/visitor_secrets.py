"""The secrets with which accounts sign client tokens: made, shown, rotated. They are encrypted and never logged."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from conversations import encryption, errors
from conversations.models import Account, VisitorSecret
from conversations.rules.client_tokens import claims, signatures

# How long tokens of a replaced secret are taken: as long as one may live, so that no browser loses its own.
OVERLAP = timedelta(seconds=claims.LIFE_MAX_SECONDS)

UNDECRYPTABLE = "The visitor secret was encrypted with a SECRET_KEY that is no longer known: rotate it."

IN_FORCE = Q(expires_at=None) | Q(expires_at__gt=Now())


def current(*, account_id: int) -> str:
    """Created on first use.

    Raises InvalidRequest for an account that was erased, and for a secret that was encrypted with another SECRET_KEY.
    """
    if (encrypted := _current(account_id)) is not None:
        return _decrypted(encrypted)
    with transaction.atomic():
        _lock(account_id)
        # Another process may have created it while this one waited.
        if (encrypted := _current(account_id)) is None:
            return _create(account_id)
    return _decrypted(encrypted)


def rotate(*, account_id: int, overlap: timedelta = OVERLAP) -> str:
    """The new secret. Tokens of the current one are taken for `overlap` more; those of an older one no longer.

    Raises InvalidRequest for an account that was erased.
    """
    with transaction.atomic():
        # Two rotations at once run one after the other.
        _lock(account_id)
        own = VisitorSecret.objects.for_account(account_id)
        own.filter(expires_at__isnull=False).delete()
        if overlap:
            own.update(expires_at=Now() + overlap)
        else:
            own.delete()
        return _create(account_id)


def previous_until(*, account_id: int) -> datetime | None:
    """Until when tokens of a replaced secret are taken; None when there is none."""
    replaced = VisitorSecret.objects.for_account(account_id).filter(expires_at__gt=Now())
    return replaced.values_list("expires_at", flat=True).order_by("-expires_at").first()


def in_force(secrets: QuerySet[VisitorSecret]) -> QuerySet[VisitorSecret]:
    """The newest first: it has signed most tokens."""
    return secrets.filter(IN_FORCE).order_by("-pk")


def _current(account_id: int) -> str | None:
    own = VisitorSecret.objects.for_account(account_id).filter(expires_at=None)
    return own.values_list("encrypted", flat=True).first()


def _decrypted(encrypted: str) -> str:
    """Raises InvalidRequest."""
    try:
        return encryption.decrypt(encrypted)
    except encryption.Undecryptable as exc:
        raise errors.InvalidRequest(UNDECRYPTABLE) from exc


def _lock(account_id: int) -> None:
    account = Account.objects.select_for_update(no_key=True).only("erased_at").get(pk=account_id)
    if account.erased_at is not None:
        raise errors.InvalidRequest("The account was erased.")


def _create(account_id: int) -> str:
    secret = signatures.new_secret()
    VisitorSecret.objects.create(account_id=account_id, encrypted=encryption.encrypt(secret))
    return secret
