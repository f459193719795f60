"""What a run costs, and why: as its account paid it, or as it would cost an account that is not metered."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from conversations.models import LedgerEntry, Run, RunAttempt
from conversations.models.money.ledger import ENDS
from conversations.queries.money import current_prices
from conversations.rules.money import cost, explanations, unit_counts
from conversations.rules.prices import beside
from conversations.values.money import EntryKind, RunCost
from providers import serialization

# What the names of targets are put together of (routing/targets.py).
TARGET_PARTS = 3


def of_run(run: Run) -> RunCost:
    """Select `active` together with the run. Raises ServiceUnavailable when prices cannot be read."""
    before = paid_before(run.account_id, run.pk)
    if run.is_active:
        reserved = run.active.reserved
        return RunCost(run.public_id, is_metered=reserved is not None, cost=before, reserved=reserved or Decimal(0))
    # By the index run_is_paid_once.
    end = LedgerEntry.objects.for_account(run.account_id).filter(run=run, kind__in=ENDS).first()
    if end is None:
        usage_source, explanation = _by_the_list(run)
        return RunCost(run.public_id, is_metered=False, usage_source=usage_source, explanation=explanation)
    explanation = end.explanation or {}
    if not explanation and end.kind == EntryKind.SETTLE.value:
        # Of an account whose calls are counted, and which pays no money.
        _, explanation = _by_the_list(run)
    return RunCost(
        run.public_id,
        is_metered=True,
        cost=before - end.amount,
        refunded=sum((entry.amount for entry in _refunds(run)), Decimal(0)),
        written_off=end.written_off,
        usage_source=end.usage_source or None,
        explanation=explanation,
    )


def paid_before(account_id: int, run_id: int) -> Decimal:
    """What was taken while the run waited for approvals."""
    entries = LedgerEntry.objects.for_account(account_id).filter(run=run_id, kind=EntryKind.PAUSE.value)
    return -sum((entry.amount for entry in entries.only("amount")), Decimal(0))


def _refunds(run: Run) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.for_account(run.account_id).filter(run=run, kind=EntryKind.REFUND.value))


def vendor_and_model(target: str) -> tuple[str, str]:
    """Of a target's name. Empty for the name of a run that no target was asked for, and of earlier releases."""
    parts = target.split(" / ")
    if len(parts) < TARGET_PARTS:
        return "", ""
    return parts[0], " / ".join(parts[TARGET_PARTS - 1 :])


def _by_the_list(run: Run) -> tuple[str | None, Mapping[str, Any]]:
    """Of a run that nobody pays for."""
    usage = serialization.load_usage(run.usage) if run.usage else None
    last = RunAttempt.objects.for_account(run.account_id).filter(run=run).order_by("-number").first()
    vendor, model = vendor_and_model(last.target if last else "")
    if usage is None or not (vendor or usage.beside):
        return None, {}
    book = current_prices.book()
    prices = book.prices_of(vendor=vendor, model=model, at=run.created_at)
    used = beside.priced(usage.beside, book, at=run.created_at)
    calls = unit_counts.of_calls(usage)
    found = cost.of_calls(calls, prices, markup_percent=run.account.markup_percent, beside=used)
    if found is None:
        return usage.source, {}
    return usage.source, explanations.of(found, vendor=vendor, model=model)
