"""The secrets that webhooks are signed with: made, shown, replaced. Sealed in the database, never in a log.

`endpoint_id` None stands for the account's own secret, which signs callbacks.
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
    """A first secret. Raises IntegrityError when there is a current one."""
    secret = signing.new_secret()
    SigningSecret.objects.create(account_id=account_id, endpoint_id=endpoint_id, sealed=encryption.seal(secret))
    return secret


def callback_secret(*, account_id: int) -> str:
    """The account's current one, made when first asked for. Raises secret_box.Unreadable."""
    own = _of(account_id, None).filter(expires_at=None)
    if (sealed := own.values_list("sealed", flat=True).first()) is not None:
        return encryption.open_sealed(sealed)
    try:
        with transaction.atomic():
            return create(account_id=account_id, endpoint_id=None)
    except IntegrityError:
        # Somebody else made it at this moment.
        return encryption.open_sealed(own.values_list("sealed", flat=True).get())


def rotate(*, account_id: int, endpoint_id: int | None) -> str:
    """The new secret, returned this once. The one before signs on for OVERLAP; the one before that no longer."""
    with transaction.atomic():
        # Two at once rotate one after the other.
        Account.objects.select_for_update(no_key=True).only("pk").get(pk=account_id)
        of_owner = _of(account_id, endpoint_id).select_for_update(no_key=True).order_by("pk")
        for old in list(of_owner):
            if old.expires_at is None:
                SigningSecret.objects.filter(pk=old.pk).update(expires_at=Now() + OVERLAP)
            else:
                old.delete()
        return create(account_id=account_id, endpoint_id=endpoint_id)


def previous_until(*, account_id: int, endpoint_id: int | None) -> datetime | None:
    """Until when the replaced secret signs as well; None when there is none."""
    replaced = _of(account_id, endpoint_id).filter(expires_at__gt=Now())
    return replaced.values_list("expires_at", flat=True).order_by("-expires_at").first()


def in_force(*, endpoint_ids: Iterable[int], account_ids: Iterable[int]) -> dict[tuple[int, int | None], list[str]]:
    """Sealed, the newest first, by account and endpoint: of these endpoints, and for these accounts' callbacks."""
    wanted = Q(endpoint__in=list(endpoint_ids)) | Q(account__in=list(account_ids), endpoint=None)
    rows = SigningSecret.objects.filter(wanted).filter(Q(expires_at=None) | Q(expires_at__gt=Now())).order_by("-pk")
    found: dict[tuple[int, int | None], list[str]] = {}
    for account_id, endpoint_id, sealed in rows.values_list("account_id", "endpoint_id", "sealed"):
        found.setdefault((account_id, endpoint_id), []).append(sealed)
    return found


def signer(*, account_id: int, endpoint_id: int | None, headers: Mapping[str, str], body: bytes) -> str | None:
    """Which secret in force signed what arrived: "current" or "previous"; None when neither did.

    Raises ValueError for a timestamp that is none, and secret_box.Unreadable.
    """
    given = headers["webhook-signature"].split()
    timestamp = int(headers["webhook-timestamp"])
    endpoint_ids = [] if endpoint_id is None else [endpoint_id]
    found = in_force(endpoint_ids=endpoint_ids, account_ids=[account_id]).get((account_id, endpoint_id), [])
    for name, sealed in zip(("current", "previous"), found, strict=False):
        secret = encryption.open_sealed(sealed)
        if signing.signature(secret, webhook_id=headers["webhook-id"], timestamp=timestamp, body=body) in given:
            return name
    return None


def forget_endpoint(*, endpoint_id: int) -> None:
    SigningSecret.objects.filter(endpoint=endpoint_id).delete()


def _of(account_id: int, endpoint_id: int | None) -> QuerySet[SigningSecret]:
    return SigningSecret.objects.for_account(account_id).filter(endpoint=endpoint_id)
