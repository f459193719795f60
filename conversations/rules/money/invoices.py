"""A vendor's invoice or usage report as CSV: read, and checked whole. What is wrong is said with its line."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

# The names of columns that are taken for each, as they are in exports of vendors; the first one that is there.
GUESSES: Mapping[str, tuple[str, ...]] = {
    "date": ("date", "day", "usage_date", "utc_date", "start_time_iso", "start_date", "start_time", "timestamp"),
    "model": ("model", "model_name", "model_id", "sku", "line_item", "snapshot_id", "description"),
    "input": ("input_tokens", "prompt_tokens", "n_context_tokens_total", "tokens_in", "usage_input_tokens_total"),
    "output": ("output_tokens", "completion_tokens", "n_generated_tokens_total", "tokens_out"),
    "amount": ("amount", "amount_value", "cost", "cost_usd", "cost_in_usd", "total", "usd", "total_cost"),
}
REQUIRED = ("date", "model")
DELIMITERS = (",", ";", "\t")
FIELD_MAX_CHARS, LINE_MAX_CHARS = 10_000, 100_000
ROWS_MAX = 5_000_000
SHOWN_CHARS = 60
# Seconds since 1970: of this century.
UNIX_TIME = re.compile(r"[12]\d{9}(\.\d+)?")
NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)?(\.\d+)?([eE][-+]?\d{1,2})?")
CURRENCIES = re.compile(r"^(USD|EUR|CNY|[$€¥])\s*|\s*(USD|EUR|CNY|[$€¥])$")
# What vendors put behind the name of a model that they also sell without it.
SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")
MAX_DIGITS = 30
# No line is of so much: sums of all lines can still be shown with their decimals.
MAX_NUMBER = Decimal(10) ** 12


class InvoiceError(ValueError):
    """The file is not used. The message is for the operator, one line."""


@dataclass(frozen=True, slots=True)
class InvoiceFormat:
    """`columns`: names that are not to be guessed. `date_format`: of strptime; ISO 8601 or Unix time when it is empty.

    `has_decimal_comma`: 1.234,56 rather than 1,234.56.
    """

    columns: Mapping[str, str]
    date_format: str = ""
    has_decimal_comma: bool = False


@dataclass(frozen=True, slots=True)
class Billed:
    """Of a day and a model. None: the file has no such column."""

    input_tokens: int | None
    output_tokens: int | None
    amount: Decimal | None


Key = tuple[date, str]


def read(lines: Iterable[str], wanted: InvoiceFormat) -> dict[Key, Billed]:
    """The sums of each day and model. Raises InvoiceError, and UnicodeError as `lines` does."""
    rows = _rows(lines)
    header = next(rows, None)
    if header is None:
        raise InvoiceError("is empty")
    places = _places([name.strip() for name in header[1]], wanted.columns)
    found: dict[Key, Billed] = {}
    for count, (line, cells) in enumerate(rows, start=1):
        if count > ROWS_MAX:
            raise InvoiceError(f"has more than {ROWS_MAX:,} lines")
        if not any(cells):
            continue
        try:
            key, billed = _billed(cells, places, wanted)
        except ValueError as exc:
            raise InvoiceError(f"line {line:,}: {exc}") from None
        found[key] = _sum(found[key], billed) if key in found else billed
    return found


def model_name(text: str) -> str:
    """As the price list has it: `gpt-5.4-2026-03-05, input` is `gpt-5.4`."""
    return SNAPSHOT.sub("", text.partition(",")[0].strip())


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """With the number of the line that each ends in."""
    csv.field_size_limit(FIELD_MAX_CHARS)
    checked = _checked(lines)
    first = next(checked, None)
    if first is None:
        return
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(_again(first, checked), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as exc:
        raise InvoiceError(f"line {reader.line_num:,}: is not CSV: {exc}") from None


def _again(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others


def _checked(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if "\x00" in line:
            raise InvoiceError(f"line {number:,}: contains a NUL character: is it a spreadsheet, or UTF-16?")
        if len(line) > LINE_MAX_CHARS:
            raise InvoiceError(f"line {number:,}: is longer than {LINE_MAX_CHARS:,} characters")
        yield line


def _places(header: list[str], given: Mapping[str, str]) -> dict[str, int]:
    """Where each column is. Raises InvoiceError."""
    lowered = [name.lower().replace(" ", "_") for name in header]
    places: dict[str, int] = {}
    for column, guesses in GUESSES.items():
        name = given.get(column, "")
        if name:
            if name not in header:
                raise InvoiceError(f"has no column {_shown(name)}; it has {_shown(', '.join(header))}")
            places[column] = header.index(name)
            continue
        guess = next((guess for guess in guesses if guess in lowered), None)
        if guess is not None:
            places[column] = lowered.index(guess)
    if missing := [column for column in REQUIRED if column not in places]:
        raise InvoiceError(
            f"has no column that could be the {missing[0]}: say --{missing[0]}-column; it has "
            f"{_shown(', '.join(header))}"
        )
    if not places.keys() - set(REQUIRED):
        raise InvoiceError("has neither tokens nor amounts: say --input-column, --output-column or --amount-column")
    return places


def _billed(cells: list[str], places: Mapping[str, int], wanted: InvoiceFormat) -> tuple[Key, Billed]:
    """Raises ValueError."""
    if len(cells) <= max(places.values()):
        raise ValueError(f"has only {len(cells)} columns")
    texts = {column: cells[place].strip() for column, place in places.items()}
    numbers = {
        column: _number(texts[column], column, wanted) if column in texts else None
        for column in ("input", "output", "amount")
    }
    if not texts["model"]:
        raise ValueError("names no model")
    billed = Billed(_whole(numbers["input"]), _whole(numbers["output"]), numbers["amount"])
    return (_day(texts["date"], wanted.date_format), model_name(texts["model"])), billed


def _day(text: str, date_format: str) -> date:
    try:
        if date_format:
            return datetime.strptime(text, date_format).replace(tzinfo=UTC).date()
        if UNIX_TIME.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC).date()
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError, re.error):
        # strptime makes a pattern of the format: `%d %d` is none.
        hint = f"is not in the format {_shown(date_format)}" if date_format else "is no ISO date: say --date-format"
        raise ValueError(f"the date {_shown(text)} {hint}") from None


def _number(text: str, column: str, wanted: InvoiceFormat) -> Decimal:
    """Empty is 0."""
    plain = CURRENCIES.sub("", text).strip()
    if wanted.has_decimal_comma:
        plain = plain.translate(str.maketrans(",.", ".,"))
    if not plain:
        return Decimal(0)
    if not NUMBER.fullmatch(plain) or len(plain) > MAX_DIGITS:
        hint = "" if wanted.has_decimal_comma or "," not in plain else ": has it a comma for decimals? --decimal-comma"
        raise ValueError(f"the {column} {_shown(text)} is no number{hint}")
    try:
        number = Decimal(plain.replace(",", ""))
    except InvalidOperation:
        raise ValueError(f"the {column} {_shown(text)} is no number") from None
    if abs(number) > MAX_NUMBER:
        raise ValueError(f"the {column} {_shown(text)} is more than {MAX_NUMBER:,}")
    return number


def _whole(number: Decimal | None) -> int | None:
    """Raises ValueError."""
    if number is None:
        return None
    if number != number.to_integral_value():
        raise ValueError(f"the tokens {number:f} are no whole number")
    return int(number)


def _sum(one: Billed, other: Billed) -> Billed:
    return Billed(
        None if one.input_tokens is None else one.input_tokens + (other.input_tokens or 0),
        None if one.output_tokens is None else one.output_tokens + (other.output_tokens or 0),
        None if one.amount is None else one.amount + (other.amount or 0),
    )


def _shown(text: str) -> str:
    shown = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
    return repr(shown)
