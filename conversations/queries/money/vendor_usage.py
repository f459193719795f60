"""What was used of a vendor, of all accounts, at its prices without markup."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db.models import Sum

from conversations.models import UsageOfDay
from conversations.rules.money.invoice_differences import Counted
from conversations.rules.money.invoices import Key, model_name
from conversations.values.prices import OF_ANSWER, OF_PROMPT

PROMPT, ANSWER = [kind.value for kind in OF_PROMPT], [kind.value for kind in OF_ANSWER]
NAMES = (*PROMPT, *ANSWER, "vendor_cost", "unpriced_runs", "estimated_runs")


def by_day_and_model(*, vendor: str, since: date, until: date) -> dict[Key, Counted]:
    """By the vendor's names of models, without the date of a snapshot. With attempts that were put back."""
    rows = UsageOfDay.objects.filter(vendor=vendor, day__gte=since, day__lte=until)
    sums = {f"total_{name}": Sum(name) for name in NAMES}
    found: dict[Key, Counted] = {}
    for row in rows.values("day", "upstream_model").annotate(**sums):
        key = row["day"], model_name(row["upstream_model"])
        found[key] = _added(found.get(key), row)
    return found


def _added(before: Counted | None, row: Mapping[str, Any]) -> Counted:
    def total(*names: str) -> int:
        return sum(int(row[f"total_{name}"]) for name in names)

    one = Counted(
        total(*PROMPT), total(*ANSWER), row["total_vendor_cost"], total("unpriced_runs"), total("estimated_runs")
    )
    if before is None:
        return one
    return Counted(
        before.input_tokens + one.input_tokens,
        before.output_tokens + one.output_tokens,
        before.vendor_cost + one.vendor_cost,
        before.unpriced_runs + one.unpriced_runs,
        before.estimated_runs + one.estimated_runs,
    )
