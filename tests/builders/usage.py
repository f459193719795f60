"""Runs that have used something, counted, and what the report says of them."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from conversations.models import Account, Run, RunAttempt, Tally
from conversations.queries.money import usage as reports
from conversations.services.money import usage as counting
from conversations.services.runs import finish
from conversations.values.money import Bill
from conversations.values.usage import UsageQuery, UsageRow
from providers.messages import Usage
from tests.builders import runs

USED = Usage(prompt_tokens=100, completion_tokens=20, prompt_details={"cached_tokens": 60})
TARGET = "echo / env / echo"


def ended(
    owner: Account,
    *,
    used: Usage | None = USED,
    target: str = TARGET,
    at: datetime | None = None,
    bill: Bill | None = None,
    **more: Any,
) -> Run:
    """A run that has ended, now unless `at` another moment."""
    run = runs.start(owner, **{"model": "echo", **more})
    report = replace(runs.report(usage=used, bill=bill), target=target)
    assert finish.finish(run=runs.claim(run), report=report)
    if at is not None:
        Run.objects.filter(pk=run.pk).update(created_at=at, finished_at=at)
        RunAttempt.objects.filter(run=run).update(ended_at=at)
    run.refresh_from_db()
    return run


def count() -> None:
    counting.count_all()


def note_counted(to: int = 2**62) -> None:
    """As if all attempts up to this one were counted, also those to come."""
    Tally.objects.update_or_create(name=counting.TALLY, defaults={"counted_to": to})


def report(owner: Account, *by: str, cursor: str | None = None, limit: int = 100, **more: Any) -> reports.UsagePage:
    since, until = more.pop("days", None) or (date(2020, 1, 1), date(2100, 1, 1))
    query = UsageQuery(owner.pk, since, until, by or ("day",), **more)
    return reports.page(query, cursor=cursor, limit=limit)


def sums(row: UsageRow) -> dict[str, str]:
    """Those that are not 0, without zeros at the end."""
    return {name: f"{Decimal(value).normalize():f}" for name, value in row.sums.items() if value}


def forget(run: Run) -> None:
    """As retention deletes a run that is not stored."""
    RunAttempt.objects.filter(run=run).delete()
    Run.objects.filter(pk=run.pk).delete()
