"""What a run costs, and why: as its account paid it, or as it would cost an account that is not metered."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

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
    return of_runs([run])[0]


def of_runs(runs: Sequence[Run]) -> list[RunCost]:
    """As `of_run`, of runs of one account: as many statements for all of them."""
    if not runs:
        return []
    entered = _Entered.of(runs)
    listed = _ByTheList([run for run in runs if not run.is_active and _is_by_the_list(entered.ends.get(run.pk))])
    return [_of(run, entered, listed) for run in runs]


def _of(run: Run, entered: "_Entered", listed: "_ByTheList") -> RunCost:
    before = entered.paid_before[run.pk]
    if run.is_active:
        reserved = run.active.reserved
        return RunCost(run.public_id, is_metered=reserved is not None, cost=before, reserved=reserved or Decimal(0))
    end = entered.ends.get(run.pk)
    usage_source, explanation = listed.of(run) if _is_by_the_list(end) else (None, {})
    if end is None:
        return RunCost(run.public_id, is_metered=False, usage_source=usage_source, explanation=explanation)
    return RunCost(
        run.public_id,
        is_metered=True,
        cost=before - end.amount,
        refunded=entered.refunded[run.pk],
        written_off=end.written_off,
        usage_source=end.usage_source or None,
        explanation=end.explanation or explanation,
    )


def _is_by_the_list(end: LedgerEntry | None) -> bool:
    """Of a run that nobody pays for, or of an account whose calls are counted, and which pays no money."""
    return end is None or (not end.explanation and end.kind == EntryKind.SETTLE.value)


@dataclass(frozen=True, slots=True)
class _Entered:
    """What the ledger has of some runs, by the keys of these. `paid_before`: while they waited for approvals."""

    ends: Mapping[int, LedgerEntry]
    paid_before: Mapping[int, Decimal]
    refunded: Mapping[int, Decimal]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Self:
        own = LedgerEntry.objects.for_account(runs[0].account_id).filter(run__in=[run.pk for run in runs])
        paid_before: dict[int, Decimal] = defaultdict(Decimal)
        refunded: dict[int, Decimal] = defaultdict(Decimal)
        # Each kind has an index of its own.
        for key, amount in own.filter(kind=EntryKind.PAUSE.value).values_list("run", "amount"):
            paid_before[key] -= amount
        for key, amount in own.filter(kind=EntryKind.REFUND.value).values_list("run", "amount"):
            refunded[key] += amount
        ends = {entry.run_id: entry for entry in own.filter(kind__in=ENDS) if entry.run_id is not None}
        return cls(ends, paid_before, refunded)


def paid_before(account_id: int, run_id: int) -> Decimal:
    """What was taken while the run waited for approvals."""
    entries = LedgerEntry.objects.for_account(account_id).filter(run=run_id, kind=EntryKind.PAUSE.value)
    return -sum((entry.amount for entry in entries.only("amount")), Decimal(0))


def vendor_and_model(target: str) -> tuple[str, str]:
    """Of a target's name. Empty for the name of a run that no target was asked for, and of earlier releases."""
    parts = target.split(" / ")
    if len(parts) < TARGET_PARTS:
        return "", ""
    return parts[0], " / ".join(parts[TARGET_PARTS - 1 :])


class _ByTheList:
    """What runs would cost by the price list, that nobody pays for."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._targets: dict[int, str] = {}
        if not runs:
            return
        self._markup_percent = runs[0].account.markup_percent
        self._book = current_prices.book()
        attempts = RunAttempt.objects.for_account(runs[0].account_id).filter(run__in=[run.pk for run in runs])
        # Of each run the last one stays.
        self._targets.update(attempts.order_by("run", "number").values_list("run", "target"))

    def of(self, run: Run) -> tuple[str | None, Mapping[str, Any]]:
        """Where its usage is from, and why it costs what it does."""
        usage = serialization.load_usage(run.usage) if run.usage else None
        vendor, model = vendor_and_model(self._targets.get(run.pk, ""))
        if usage is None or not (vendor or usage.beside):
            return None, {}
        prices = self._book.prices_of(vendor=vendor, model=model, at=run.created_at)
        used = beside.priced(usage.beside, self._book, at=run.created_at)
        calls = unit_counts.of_calls(usage)
        found = cost.of_calls(calls, prices, markup_percent=self._markup_percent, beside=used)
        if found is None:
            return usage.source, {}
        return usage.source, explanations.of(found, vendor=vendor, model=model)
