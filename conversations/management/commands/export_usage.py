"""`manage.py export_usage --account NAME`: what an account has used, as CSV."""

import csv
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from conversations.errors import ParleyError
from conversations.management.days import day
from conversations.management.progress import Progress
from conversations.models import Account
from conversations.queries.money import usage
from conversations.rules.csv_cells import text_cell
from conversations.services.money import usage as counting
from conversations.values.usage import AMOUNTS, GROUPS, NUMBERS, UsageQuery, UsageRow

PAGE_ROWS = 1_000
DAYS_DEFAULT = 30


class Command(BaseCommand):
    help = "Writes what an account has used as CSV: a line for each day, model, key or conversation. Days are UTC."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, help="Its name.")
        parser.add_argument("--from", dest="since", type=day, help=f"The first day; {DAYS_DEFAULT} days without it.")
        parser.add_argument("--to", dest="until", type=day, help="The last day; today without it.")
        parser.add_argument("--by", default="day", help=f"One or more of {', '.join(GROUPS)}, with commas.")
        parser.add_argument("--output", default="", help="A new file; standard output without it.")

    def handle(self, *, output: str, **given: Any) -> None:
        query = _query(**given)
        try:
            # So that pages need not look for what is not counted yet.
            counting.count_all()
            with _opened(output) as file:
                progress = Progress(self.stderr, total=usage.groups(query), unit="lines")
                written = self._write(query, file, progress)
        except ParleyError as exc:
            raise CommandError(exc.message) from exc
        except OSError as exc:
            raise CommandError(f"{output}: {exc.strerror}") from exc
        self.stderr.write(f"{written:,} lines")

    def _write(self, query: UsageQuery, file: TextIO, progress: Progress) -> int:
        columns = [name for name in ("day", "model", "key", "conversation") if name in query.by]
        names = ["key_name"] if "key" in columns else []
        out = csv.writer(file)
        out.writerow([*columns, *names, *NUMBERS, *AMOUNTS, "currency"])
        written = 0
        for rows in _pages(query):
            for row in rows:
                out.writerow(_cells(row, [*columns, *names]))
            written += len(rows)
            progress.show(written)
        return written


def _query(*, account: str, since: date | None, until: date | None, by: str, **_options: Any) -> UsageQuery:
    """Raises CommandError."""
    found = Account.objects.filter(name=account).first()
    if found is None:
        raise CommandError(f"There is no account {account!r}.")
    last = until or datetime.now(UTC).date()
    first = since or last - timedelta(days=DAYS_DEFAULT - 1)
    if first > last:
        raise CommandError("--from is after --to.")
    groups = tuple(by.split(","))
    if not set(groups) <= set(GROUPS):
        raise CommandError(f"--by is one or more of {', '.join(GROUPS)}, with commas between them.")
    return UsageQuery(found.pk, first, last, groups)


@contextmanager
def _opened(output: str) -> Iterator[TextIO]:
    if not output:
        yield sys.stdout
        return
    # Nothing is overwritten. csv ends its lines itself.
    with open(output, "x", encoding="utf-8", newline="") as file:
        yield file


def _pages(query: UsageQuery) -> Iterator[list[UsageRow]]:
    cursor: str | None = None
    while True:
        page = usage.page(query, cursor=cursor, limit=PAGE_ROWS)
        yield page.rows
        cursor = page.next_cursor
        if cursor is None:
            return


def _cells(row: UsageRow, columns: list[str]) -> list[str]:
    """Amounts with all their decimals, never as 1E-7."""
    texts = [text_cell(str(getattr(row, name) or "")) for name in columns]
    amounts = [f"{Decimal(row.sums[name]).normalize() + 0:f}" for name in AMOUNTS]
    return [*texts, *(str(row.sums[name]) for name in NUMBERS), *amounts, settings.CURRENCY]
