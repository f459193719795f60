"""What an account has left."""

from decimal import Decimal

from conversations.models import Account, Balance
from conversations.values.money import BalanceState, Metering

UNMETERED = BalanceState(is_metered=False, balance=Decimal(0), reserved=Decimal(0), calls_left=None)


def of_account(*, account_id: int) -> BalanceState:
    found = Balance.objects.for_account(account_id).first()
    if found is None:
        return UNMETERED
    return BalanceState(
        is_metered=found.amount is not None,
        balance=found.amount or Decimal(0),
        reserved=found.reserved,
        calls_left=found.calls_left,
    )


def metering(account: Account) -> Metering | None:
    """None for an account that is not metered. Select `balance` together with the account."""
    balance: Balance | None = getattr(account, "balance", None)
    if balance is None or (balance.amount is None and balance.calls_left is None):
        return None
    return Metering(pays=balance.amount is not None, markup_percent=account.markup_percent)
