"""Balances by hand: an account is metered, its balance is topped up or corrected, a run is refunded."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db.models import F, Sum

from conversations import errors
from conversations.models import Account, Balance, LedgerEntry, Run
from conversations.models.money.balances import OVERDRAWN
from conversations.models.money.ledger import ENDS, ENTERED_ONCE, NOTE_MAX_CHARS, REFERENCE_MAX_CHARS, REFUNDS
from conversations.rules import texts
from conversations.rules.money.cost import AMOUNT_DECIMALS, MAX_AMOUNT
from conversations.stores import refusals
from conversations.values.money import EntryKind

CALLS_MAX = 10**15


@dataclass(frozen=True, slots=True)
class EntryText:
    """What somebody writes to an entry. `reference`: of the payment; an account's ledger has each one once."""

    note: str = ""
    reference: str = ""

    def check(self) -> None:
        """Raises InvalidRequest."""
        for name, most in (("note", NOTE_MAX_CHARS), ("reference", REFERENCE_MAX_CHARS)):
            if len(texts.storable(getattr(self, name), param=name)) > most:
                raise errors.InvalidRequest(f"A {name} has at most {most} characters.")


NO_TEXT = EntryText()


def foreign_currency() -> str | None:
    """The currency of balances that are not in CURRENCY, if there are any.

    Their amounts would be read as amounts of CURRENCY, which they are not.
    """
    foreign = Balance.objects.filter(amount__isnull=False).exclude(currency=settings.CURRENCY)
    return foreign.values_list("currency", flat=True).first()


def open_balance(*, account: Account, amount: Decimal, note: str = "", reference: str = "") -> LedgerEntry:
    """Meters an account that pays no money yet, with this much to begin with.

    Its runs that go on cost nothing. Raises InvalidRequest for an amount that cannot be one, for an account that pays
    already, and while runs go on that an earlier balance has reserved for.
    """
    _check(amount, least=Decimal(0))
    with transaction.atomic():
        balance = _locked(account)
        if balance.amount is not None:
            raise errors.InvalidRequest(f"The account {account.name} has a balance already: top it up.")
        if balance.reserved:
            raise errors.InvalidRequest("Runs of an earlier balance go on: open this one after their end.")
        Balance.objects.for_account(account).update(amount=amount, currency=settings.CURRENCY)
        return _enter(account, EntryKind.TOP_UP, amount=amount, text=EntryText(note, reference))


def close_balance(*, account: Account, note: str = "", reference: str = "") -> LedgerEntry:
    """The account pays no money any more. What is left is taken out of the ledger, as an adjustment.

    Runs that go on cost nothing then, and end as those of an account that is not metered. Raises InvalidRequest for an
    account that pays no money.
    """
    with transaction.atomic():
        left = _locked(account).amount
        if left is None:
            raise errors.InvalidRequest(f"The account {account.name} has no balance.")
        Balance.objects.for_account(account).update(amount=None)
        return _enter(account, EntryKind.ADJUST, amount=-left, text=EntryText(note, reference))


def top_up(*, account: Account, amount: Decimal, note: str = "", reference: str = "") -> LedgerEntry:
    """Raises InvalidRequest for an amount that cannot be one, and for an account that pays no money."""
    _check(amount, least=Decimal(10) ** -AMOUNT_DECIMALS)
    return _change(account, EntryKind.TOP_UP, amount=amount, text=EntryText(note, reference))


def adjust(*, account: Account, amount: Decimal, note: str = "", reference: str = "") -> LedgerEntry:
    """Adds to the balance, or takes from it, what somebody decided.

    Raises InvalidRequest, also for more than is left.
    """
    _check(amount, least=-MAX_AMOUNT)
    if not amount:
        raise errors.InvalidRequest("An adjustment adds something, or takes it.")
    return _change(account, EntryKind.ADJUST, amount=amount, text=EntryText(note, reference))


def refund(*, run: Run, amount: Decimal, note: str = "", reference: str = "") -> LedgerEntry:
    """Gives back what a run has cost, or a part of it. Raises InvalidRequest for more than it has cost."""
    _check(amount, least=Decimal(10) ** -AMOUNT_DECIMALS)
    with transaction.atomic():
        _locked(run.account)
        paid = _paid_for(run)
        if amount > paid:
            raise errors.InvalidRequest(f"The run has cost {paid.normalize():f}: no more can be given back.")
        return _change(run.account, EntryKind.REFUND, amount=amount, run=run, text=EntryText(note, reference))


def set_calls(*, account: Account, calls: int | None, note: str = "", reference: str = "") -> LedgerEntry:
    """How many calls the account has left from now on; None for any number. Raises InvalidRequest."""
    if calls is not None and not 0 <= calls <= CALLS_MAX:
        raise errors.InvalidRequest(f"A number of calls is from 0 to {CALLS_MAX:,}.")
    with transaction.atomic():
        before = _locked(account).calls_left
        Balance.objects.for_account(account).update(calls_left=calls)
        return _enter(account, EntryKind.ADJUST, calls=(calls or 0) - (before or 0), text=EntryText(note, reference))


def _paid_for(run: Run) -> Decimal:
    """Without what was given back already."""
    entries = LedgerEntry.objects.for_account(run.account_id).filter(run=run)
    # Each by an index of its own.
    found = (entries.filter(kind__in=ENDS), entries.filter(REFUNDS))
    return -sum((part.aggregate(total=Sum("amount"))["total"] or Decimal(0) for part in found), Decimal(0))


def _locked(account: Account) -> Balance:
    """The account's balance, made when it has none."""
    Balance.objects.get_or_create(account=account, defaults={"currency": settings.CURRENCY})
    return Balance.objects.for_account(account).select_for_update(no_key=True).get()


def _change(
    account: Account, kind: EntryKind, *, amount: Decimal, run: Run | None = None, text: EntryText = NO_TEXT
) -> LedgerEntry:
    try:
        with transaction.atomic():
            paying = Balance.objects.for_account(account).filter(amount__isnull=False, currency=settings.CURRENCY)
            if not paying.update(amount=F("amount") + amount):
                raise errors.InvalidRequest(
                    f"The account {account.name} has no balance in {settings.CURRENCY}: open one in the admin's ledger."
                )
            return _enter(account, kind, amount=amount, run=run, text=text)
    except DataError as exc:
        raise errors.InvalidRequest(f"A balance is at most {MAX_AMOUNT:f}.") from exc
    except IntegrityError as exc:
        if refusals.constraint(exc) != OVERDRAWN:
            raise
        raise errors.InvalidRequest("The account has less than that, beside what is reserved.") from exc


def _enter(
    account: Account,
    kind: EntryKind,
    *,
    amount: Decimal = Decimal(0),
    calls: int = 0,
    run: Run | None = None,
    text: EntryText = NO_TEXT,
) -> LedgerEntry:
    """With the account's balance locked: the ids of its entries must be in the order of their commits."""
    text.check()
    try:
        with transaction.atomic():
            return LedgerEntry.objects.create(
                account=account,
                kind=kind.value,
                amount=amount,
                calls=calls,
                run=run,
                api_key=run.api_key if run else None,
                model=run.model if run else "",
                note=text.note,
                reference=text.reference,
            )
    except IntegrityError as exc:
        if refusals.constraint(exc) != ENTERED_ONCE:
            raise
        raise errors.InvalidRequest(f"{text.reference} has been entered already: nothing is changed.") from exc


def _check(amount: Decimal, *, least: Decimal) -> None:
    """Raises InvalidRequest."""
    if not amount.is_finite() or not least <= amount <= MAX_AMOUNT:
        raise errors.InvalidRequest(f"An amount is from {least.normalize():f} to {MAX_AMOUNT:f}.")
    if round(amount, AMOUNT_DECIMALS) != amount:
        raise errors.InvalidRequest(f"An amount has at most {AMOUNT_DECIMALS} decimals.")
