"""Metered accounts, prices, and what the ledger says of them."""

from decimal import Decimal

from django.db.models import Sum

from conversations.models import Account, ActiveRun, Balance, LedgerEntry, Run
from conversations.queries.money import current_prices
from conversations.services.money import balances
from conversations.values.money import Bill
from tests.builders.factories import PriceFactory

# Amount, reserved, calls left. Amounts are strings without zeros at the end.
State = tuple[str | None, str, int | None]


def price(*, vendor: str = "echo", model: str = "echo", **amounts: str) -> None:
    """From long ago on, for example `input="2"`, `call="0.5"`. This process knows them at once."""
    for kind, amount in amounts.items():
        PriceFactory.create(vendor=vendor, model=model, kind=kind, amount=Decimal(amount))
    current_prices.forget()


def meter(account: Account, balance: str | None = None, *, calls: int | None = None) -> None:
    if balance is not None:
        balances.open_balance(account=account, amount=Decimal(balance))
    if calls is not None:
        balances.set_calls(account=account, calls=calls)


def bill(amount: str, *, source: str = "reported") -> Bill:
    return Bill(Decimal(amount), source)


def state(account: Account) -> State:
    balance = Balance.objects.get(account=account)
    return None if balance.amount is None else _shown(balance.amount), _shown(balance.reserved), balance.calls_left


def ledger_sum(account: Account) -> tuple[str, str, int]:
    """What the account's ledger adds up to: amount, reserved, calls."""
    entries = LedgerEntry.objects.for_account(account)
    total = entries.aggregate(amount=Sum("amount"), reserved=Sum("reserved"), calls=Sum("calls"))
    return _shown(total["amount"] or Decimal(0)), _shown(total["reserved"] or Decimal(0)), total["calls"] or 0


def entries(run: Run) -> list[tuple[str, str, str, int]]:
    """Kind, amount, reserved and calls of each entry, in order."""
    found = LedgerEntry.objects.filter(run=run).order_by("pk")
    return [(entry.kind, _shown(entry.amount), _shown(entry.reserved), entry.calls) for entry in found]


def reserved_for(run: Run) -> str | None:
    reserved = ActiveRun.objects.get(pk=run.pk).reserved
    return None if reserved is None else _shown(reserved)


def _shown(amount: Decimal) -> str:
    # The sum with nothing is never -0.
    return f"{(amount + 0).normalize():f}"
