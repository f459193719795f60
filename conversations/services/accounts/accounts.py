"""Accounts: created, enabled and disabled, and given limits of their own."""

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from conversations import errors
from conversations.models import Account, ApiKey
from conversations.rules import texts
from conversations.services.accounts.quotas import Quota
from conversations.services.money import balances


def get_or_create(*, name: str) -> Account:
    """The account of this name, created when it is new. Raises InvalidRequest for an invalid name."""
    check_name(Account(name=name), "account name")
    with transaction.atomic():
        account, is_new = Account.objects.get_or_create(name=name)
        if is_new and settings.METERED:
            balances.open_balance(account=account, amount=Decimal(0))
    return account


def open_metered(*, name: str, amount: Decimal) -> Account:
    """A new account with a balance. Raises InvalidRequest for an account that there is, and for an invalid amount."""
    check_name(Account(name=name), "account name")
    with transaction.atomic():
        account, is_new = Account.objects.get_or_create(name=name)
        if not is_new:
            raise errors.InvalidRequest(f"The account {name} is there already: use top_up.")
        balances.open_balance(account=account, amount=amount)
    return account


def check_name(row: Account | ApiKey, what: str) -> None:
    """Raises InvalidRequest when the row's name is not a valid value of its column; `what` begins the message."""
    try:
        # Blanks alone would be an empty name to whoever reads it.
        name = texts.storable(row.name, param="name", path=what)
        row._meta.get_field("name").clean(name if name.strip() else "", row)
    except ValidationError as exc:
        raise errors.InvalidRequest(f"{what}: {' '.join(exc.messages)}") from exc


def set_active(*, account_ids: list[int], is_active: bool) -> int:
    """Enables or disables the accounts, unless they were erased; the number that changed."""
    changed = Account.objects.filter(pk__in=account_ids, is_active=not is_active, erased_at=None)
    return changed.update(is_active=is_active)


def set_quotas(*, account_id: int, limits: Mapping[Quota, int | None]) -> None:
    """Sets the account's own quotas; None stands for the one in the settings."""
    Account.objects.filter(pk=account_id).update(**{f"max_{quota}": limit for quota, limit in limits.items()})


def set_limits(*, account_id: int, limits: Mapping[str, int | None]) -> None:
    """Sets limits of all its keys together (`key_options.MOST` names them). None: it has none."""
    Account.objects.filter(pk=account_id).update(**limits)


def set_markup(*, account_id: int, percent: Decimal) -> None:
    """What the account pays beside the vendors' prices. The form and the database check it."""
    Account.objects.filter(pk=account_id).update(markup_percent=percent)
