"""`manage.py compare_invoice FILE --vendor openai`: a vendor's invoice beside what was counted."""

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.errors import ParleyError
from conversations.management.amounts import amount
from conversations.management.days import day
from conversations.queries.money import vendor_usage
from conversations.rules.money import invoice_differences, invoices
from conversations.rules.money.invoice_differences import Difference
from conversations.rules.money.invoices import Billed, InvoiceError, InvoiceFormat, Key
from conversations.services.money import usage as counting

# Differences are 1, as of diff; a file that cannot be read is 2.
UNREADABLE = 2
MAX_BYTES = 500_000_000
HEADER = ("day", "model", "input", "counted", "output", "counted", "amount", "counted", "difference", "")


class Command(BaseCommand):
    help = (
        "Compares a vendor's invoice or usage report (CSV) with what was counted, by day (UTC) and model, at the "
        "vendor's prices without markup. Ends with 1 when they differ, with 2 when the file cannot be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--vendor", required=True, help="As in the catalogue: openai, deepseek, …")
        parser.add_argument("--from", dest="since", type=day, help="The first day; the file's without it.")
        parser.add_argument("--to", dest="until", type=day, help="The last day; the file's without it.")
        for column in invoices.GUESSES:
            parser.add_argument(f"--{column}-column", default="", help=f"The name of the column of the {column}.")
        parser.add_argument("--date-format", default="", help="Such as %%d/%%m/%%Y; ISO 8601 or Unix time without it.")
        parser.add_argument("--decimal-comma", action="store_true", help="Numbers are 1.234,56.")
        parser.add_argument("--encoding", default="utf-8-sig", help="Such as latin-1; UTF-8 without it.")
        parser.add_argument(
            "--tolerance", type=amount, default=Decimal("0.5"), help="In percent: what is so near is the same (0.5)."
        )

    def handle(
        self, *, file: Path, vendor: str, since: date | None, until: date | None, tolerance: Decimal, **given: Any
    ) -> None:
        billed = _read(file, **given)
        first = since or min((key[0] for key in billed), default=None)
        last = until or max((key[0] for key in billed), default=None)
        if first is None or last is None:
            raise CommandError(f"{file}: has no lines.", returncode=UNREADABLE)
        if first > last:
            raise CommandError(f"There is no day from {first} to {last}.", returncode=UNREADABLE)
        billed = {key: found for key, found in billed.items() if first <= key[0] <= last}
        _count()
        counted = vendor_usage.by_day_and_model(vendor=vendor, since=first, until=last)
        found = invoice_differences.differences(billed, counted, tolerance_percent=tolerance)
        self.stdout.write(f"{vendor}, {first} to {last}: {len(billed | counted):,} days and models.")
        if found:
            for line in _table([HEADER, *map(_cells, found)]):
                self.stdout.write(line)
            raise CommandError(f"{len(found):,} differ.")
        self.stdout.write("No differences.")


def _read(file: Path, *, encoding: str, date_format: str, decimal_comma: bool, **given: Any) -> dict[Key, Billed]:
    """Raises CommandError, of one line."""
    columns = {column: given[f"{column}_column"] for column in invoices.GUESSES}
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InvoiceError(f"is larger than {MAX_BYTES:,} bytes")
        with file.open(encoding=encoding, newline="") as lines:
            # No line is read beyond its bound: a file without line ends would be one of 500 MB.
            bounded = iter(partial(lines.readline, invoices.LINE_MAX_CHARS + 1), "")
            return invoices.read(bounded, InvoiceFormat(columns, date_format, decimal_comma))
    except (UnicodeError, LookupError):
        raise CommandError(
            f"{file}: is not {encoding}: say --encoding, such as latin-1.", returncode=UNREADABLE
        ) from None
    except InvoiceError as exc:
        raise CommandError(f"{file}: {exc}", returncode=UNREADABLE) from None
    except OSError as exc:
        raise CommandError(f"{file}: {exc.strerror}.", returncode=UNREADABLE) from None


def _count() -> None:
    """Raises CommandError: a comparison with a part of what was used would find differences that are none."""
    try:
        is_counted = counting.count_all()
    except ParleyError as exc:
        raise CommandError(exc.message, returncode=UNREADABLE) from exc
    if not is_counted:
        raise CommandError(
            "What has just ended cannot be counted while another transaction goes on: try again.", returncode=UNREADABLE
        )


def _cells(found: Difference) -> tuple[str, ...]:
    billed, counted = found.billed, found.counted
    notes = ["only counted"] if billed is None else ["only billed"] if counted is None else []
    if counted is not None and counted.unpriced_runs:
        notes.append(f"{counted.unpriced_runs:,} without a price")
    if counted is not None and counted.estimated_runs:
        notes.append(f"{counted.estimated_runs:,} estimated")
    amounts = (billed.amount if billed else None, counted.vendor_cost if counted else None)
    difference = None if amounts[0] is None else amounts[0] - (amounts[1] or 0)
    return (
        *(found.day.isoformat(), found.model),
        *(_number(billed.input_tokens if billed else None), _number(counted.input_tokens if counted else None)),
        *(_number(billed.output_tokens if billed else None), _number(counted.output_tokens if counted else None)),
        *(_number(amounts[0]), _number(amounts[1]), _number(difference)),
        ", ".join(notes),
    )


def _number(value: int | Decimal | None) -> str:
    if isinstance(value, Decimal):
        return f"{value.quantize(Decimal('0.000001')):f}"
    return "–" if value is None else f"{value:,}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """What a terminal shows: no character of the file moves its cursor."""
    shown = [tuple("".join(one if one.isprintable() else "?" for one in cell) for cell in row) for row in rows]
    widths = [max(len(row[index]) for row in shown) for index in range(len(HEADER))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
