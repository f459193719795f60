"""What runs of metered accounts reserve and cost. Their balances are the sum of what is written here."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import F

from conversations.models import Balance, LedgerEntry
from conversations.rules.money import cost, explanations, unit_counts
from conversations.rules.money.reservations import FIRST_OUTPUT_TOKENS
from conversations.rules.prices.price_book import ModelPrices
from conversations.services.sample_data.copying import Row, copy_rows
from conversations.services.sample_data.runs import NewRun
from conversations.services.sample_data.texts import dumps
from conversations.services.sample_data.wave import Wave
from conversations.values.money import EntryKind
from conversations.values.prices import PriceRow, PriceSource, UnitKind
from providers.messages import Usage

# More than all turns of an account cost.
BALANCE = Decimal(1_000_000)
VENDOR = "openai"
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_AMOUNTS = {UnitKind.INPUT: Decimal("2.5"), UnitKind.OUTPUT: Decimal(10)}
PRICES = ModelPrices(
    {
        kind: (PriceRow(VENDOR, "*", kind, amount, _SINCE, PriceSource.SHIPPED, settings.CURRENCY, price_id=1),)
        for kind, amount in _AMOUNTS.items()
    }
)


def open_balances(accounts: Iterable[Row], *, at: datetime) -> None:
    """As `balances.open_balance` does, at an earlier moment."""
    for account in accounts:
        row = {"account_id": account["id"], "amount": BALANCE, "created_at": at}
        copy_rows(Balance, [{**row, "currency": settings.CURRENCY}])
        copy_rows(LedgerEntry, [{**row, "kind": EntryKind.TOP_UP.value}])


def add(wave: Wave, run: NewRun) -> None:
    entries = list(_entries(run))
    wave.rows[LedgerEntry] += entries
    wave.paid[run.account_id] += sum((entry["amount"] for entry in entries), Decimal(0))


def _entries(run: NewRun) -> Iterator[dict[str, Any]]:
    reserved = _cost(Usage(run.usage.prompt_tokens if run.usage else 0, FIRST_OUTPUT_TOKENS)).amount
    entry = {
        "account_id": run.account_id,
        "run_id": run.pk,
        "api_key_id": run.api_key_id,
        "model": run.request.model,
        "amount": Decimal(0),
        "explanation": None,
        "usage_source": "",
    }
    kind = EntryKind.SETTLE if run.usage else EntryKind.RELEASE
    yield {**entry, "kind": EntryKind.RESERVE.value, "reserved": reserved, "created_at": run.times.created_at}
    ended = {"kind": kind.value, "reserved": -reserved, "created_at": run.times.finished_at}
    yield {**entry, **ended, **(_paid(run.usage, model=run.request.model) if run.usage else {})}


def _paid(usage: Usage, *, model: str) -> Mapping[str, Any]:
    found = _cost(usage)
    explanation = dumps(explanations.of(found, vendor=VENDOR, model=model))
    return {"amount": -found.amount, "explanation": explanation, "usage_source": usage.source}


def _cost(usage: Usage) -> cost.Cost:
    found = cost.of(unit_counts.of_usage(usage), PRICES)
    if found is None:
        raise LookupError("the sample's prices are for all kinds of tokens")
    return found


def pay(wave: Wave) -> None:
    """In the transaction that writes the entries, and before them: so their ids are in the order of commits."""
    for account_id, amount in sorted(wave.paid.items()):
        Balance.objects.for_account(account_id).update(amount=F("amount") + amount)
