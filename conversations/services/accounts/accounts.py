"""Accounts: created, enabled and disabled, and given limits of their own."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.rules import texts
from conversations.services.accounts.quotas import Quota


def get_or_create(*, name: str) -> Account:
    """The account of this name, created when it is new. Raises InvalidRequest for an invalid name."""
    check_name(Account(name=name), "account name")
    return Account.objects.get_or_create(name=name)[0]


def check_name(row: Account | ApiKey, what: str) -> None:
    """Raises InvalidRequest when the row's name is not a valid value of its column; `what` begins the message."""
    try:
        row._meta.get_field("name").clean(texts.storable(row.name, param="name", path=what), row)
    except ValidationError as exc:
        raise errors.InvalidRequest(f"{what}: {' '.join(exc.messages)}") from exc


def set_active(*, account_ids: list[int], is_active: bool) -> int:
    """Enables or disables the accounts, unless they were erased; the number that changed."""
    changed = Account.objects.filter(pk__in=account_ids, is_active=not is_active, erased_at=None)
    return changed.update(is_active=is_active)


def set_quotas(*, account_id: int, limits: Mapping[Quota, int | None]) -> None:
    """Sets the account's own quotas; None stands for the one in the settings."""
    Account.objects.filter(pk=account_id).update(**{f"max_{quota}": limit for quota, limit in limits.items()})
