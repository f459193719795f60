"""The secrets that sign webhooks: created, shown and rotated. They are encrypted in the database and never logged.

`endpoint_id` None means the account's own secret, which signs its callbacks.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from conversations import encryption
from conversations.models import Account, SigningSecret
from conversations.webhooks import signing

# How long a replaced secret still signs beside the new one.
OVERLAP = timedelta(hours=24)


def create(*, account_id: int, endpoint_id: int | None) -> str:
    """The first secret. Raises IntegrityError when there is a current one."""
    secret = signing.new_secret()
    encrypted = encryption.encrypt(secret)
    SigningSecret.objects.create(account_id=account_id, endpoint_id=endpoint_id, encrypted=encrypted)
    return secret


def callback_secret(*, account_id: int) -> str:
    """The account's current secret, created on first use. Raises encryption.Undecryptable."""
    own = _of(account_id, None).filter(expires_at=None)
    if (encrypted := own.values_list("encrypted", flat=True).first()) is not None:
        return encryption.decrypt(encrypted)
    try:
        with transaction.atomic():
            return create(account_id=account_id, endpoint_id=None)
    except IntegrityError:
        # Another process created it at this moment.
        return encryption.decrypt(own.values_list("encrypted", flat=True).get())


def rotate(*, account_id: int, endpoint_id: int | None) -> str:
    """The new secret. The current one also signs for OVERLAP; an older one that still did is erased."""
    with transaction.atomic():
        # Two rotations at once run one after the other.
        Account.objects.select_for_update(no_key=True).only("pk").get(pk=account_id)
        of_owner = _of(account_id, endpoint_id).select_for_update(no_key=True).order_by("pk")
        for old in list(of_owner):
            if old.expires_at is None:
                SigningSecret.objects.filter(pk=old.pk).update(expires_at=Now() + OVERLAP)
            else:
                old.delete()
        return create(account_id=account_id, endpoint_id=endpoint_id)


def previous_until(*, account_id: int, endpoint_id: int | None) -> datetime | None:
    """Until when a replaced secret also signs; None when there is none."""
    replaced = _of(account_id, endpoint_id).filter(expires_at__gt=Now())
    return replaced.values_list("expires_at", flat=True).order_by("-expires_at").first()


def in_force(*, endpoint_ids: Iterable[int], account_ids: Iterable[int]) -> dict[tuple[int, int | None], list[str]]:
    """The encrypted secrets of these endpoints and these accounts' callbacks, by account and endpoint, newest first."""
    wanted = Q(endpoint__in=list(endpoint_ids)) | Q(account__in=list(account_ids), endpoint=None)
    rows = SigningSecret.objects.filter(wanted).filter(Q(expires_at=None) | Q(expires_at__gt=Now())).order_by("-pk")
    found: dict[tuple[int, int | None], list[str]] = {}
    for account_id, endpoint_id, encrypted in rows.values_list("account_id", "endpoint_id", "encrypted"):
        found.setdefault((account_id, endpoint_id), []).append(encrypted)
    return found


def signer(*, account_id: int, endpoint_id: int | None, headers: Mapping[str, str], body: bytes) -> str | None:
    """Which secret signed a received message: "current" or "previous"; None when neither did.

    Raises ValueError for a timestamp that is not a number, and encryption.Undecryptable.
    """
    given = headers["webhook-signature"].split()
    timestamp = int(headers["webhook-timestamp"])
    endpoint_ids = [] if endpoint_id is None else [endpoint_id]
    found = in_force(endpoint_ids=endpoint_ids, account_ids=[account_id]).get((account_id, endpoint_id), [])
    for name, encrypted in zip(("current", "previous"), found, strict=False):
        secret = encryption.decrypt(encrypted)
        if signing.signature(secret, webhook_id=headers["webhook-id"], timestamp=timestamp, body=body) in given:
            return name
    return None


def erase_for_endpoint(*, endpoint_id: int) -> None:
    SigningSecret.objects.filter(endpoint=endpoint_id).delete()


def _of(account_id: int, endpoint_id: int | None) -> QuerySet[SigningSecret]:
    return SigningSecret.objects.for_account(account_id).filter(endpoint=endpoint_id)
