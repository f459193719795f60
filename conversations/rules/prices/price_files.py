"""Price files in TOML, as they are shipped and as an operator writes them (docs/money.md): read, and checked whole.

What is wrong is said with the number of its entry, or the line where the text is no TOML.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from conversations.rules.money.cost import AMOUNT_DECIMALS
from conversations.values.prices import ANY_ENDING, UnitKind

MAX_BYTES = 5_000_000
MAX_ENTRIES = 50_000
MAX_TIERS = 16
MODEL_MAX_CHARS = 200
# For a million tokens, one call or one search: a hundred times the dearest.
MAX_PRICE = Decimal(100_000)
MAX_INPUT_TOKENS = 1_000_000_000
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# Of a value that is quoted in an error.
SHOWN_CHARS = 60
LONG_BITS = 64

_KINDS = {kind.value: kind for kind in UnitKind}
_ENTRY_FIELDS = frozenset({"vendor", "model", "from", "tiers", *_KINDS})
_TIER_FIELDS = frozenset({"from_input_tokens", *_KINDS})


class PriceFileError(ValueError):
    """The file is not used. The message is for the operator, and names the entry or line."""


@dataclass(frozen=True, slots=True)
class Amount:
    kind: UnitKind
    amount: Decimal
    from_input_tokens: int = 0


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """The prices of one model or pattern. `valid_from` None: from when Parley first reads it."""

    vendor: str
    model: str
    valid_from: datetime | None
    amounts: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class PriceFile:
    currency: str
    entries: tuple[PriceEntry, ...]


def parse(data: bytes, *, vendors: Iterable[str]) -> PriceFile:
    """Raises PriceFileError. `vendors` are the names that an entry may have."""
    if len(data) > MAX_BYTES:
        raise PriceFileError(f"is larger than {MAX_BYTES:,} bytes")
    document = _document(data)
    if unknown := document.keys() - {"currency", "prices"}:
        raise PriceFileError(f"unknown: {_shown(min(unknown))}; a file has `currency` and `prices`")
    entries = document.get("prices", [])
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise PriceFileError(f"`prices` must be a list of at most {MAX_ENTRIES:,} entries")
    currency = document.get("currency")
    if not isinstance(currency, str):
        raise PriceFileError('`currency` must be said, as in currency = "USD"')
    known = frozenset(vendors)
    found = tuple(_entry(entry, number, known) for number, entry in enumerate(entries, start=1))
    _check_said_once(found)
    return PriceFile(currency, found)


def price(value: object) -> Decimal:
    """A price that its column can hold. Raises ValueError, which says what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"must be a number, not {_shown(value)}")
    amount = Decimal(value)
    if not amount.is_finite() or not 0 <= amount <= MAX_PRICE:
        raise ValueError(f"must be from 0 to {MAX_PRICE:,}, not {_shown(value)}")
    rounded = round(amount, AMOUNT_DECIMALS)
    if rounded != amount:
        raise ValueError(f"must have at most {AMOUNT_DECIMALS} decimals")
    return abs(rounded)


def name_problem(model: str) -> str:
    """What is wrong with the name of a model or a pattern; "" when nothing is."""
    if not model or len(model) > MODEL_MAX_CHARS or "\x00" in model:
        return f"must have 1 to {MODEL_MAX_CHARS} characters"
    if ANY_ENDING in model.removesuffix(ANY_ENDING):
        return f"may have {ANY_ENDING} only at its end, where it stands for any ending"
    return ""


def _document(data: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode(), parse_float=Decimal)
    except UnicodeDecodeError as exc:
        raise PriceFileError(f"is not UTF-8 at byte {exc.start:,}") from None
    except RecursionError:
        raise PriceFileError("is nested too deeply") from None
    except (ValueError, InvalidOperation) as exc:
        raise PriceFileError(f"is not TOML: {' '.join(str(exc).split())[:200]}") from None


def _entry(entry: Any, number: int, vendors: frozenset[str]) -> PriceEntry:
    name = f"price {number}"
    try:
        if not isinstance(entry, dict):
            raise PriceFileError(f"must be a table, not {_shown(entry)}")
        vendor, model = entry.get("vendor"), entry.get("model")
        if isinstance(vendor, str) and isinstance(model, str):
            name += f" ({_shown(vendor)}, {_shown(model)})"
        _check_fields(entry, _ENTRY_FIELDS)
        if not isinstance(vendor, str) or vendor not in vendors:
            raise PriceFileError(f"vendor must be one of {', '.join(sorted(vendors))}")
        if not isinstance(model, str) or (problem := name_problem(model)):
            raise PriceFileError(f"model {problem if isinstance(model, str) else 'must be a text'}")
        amounts = _amounts(entry, from_input_tokens=0)
        if not amounts:
            raise PriceFileError("gives no price")
        moment = _moment(entry["from"]) if "from" in entry else None
        return PriceEntry(vendor, model, moment, amounts + _tiers(entry, {amount.kind for amount in amounts}))
    except PriceFileError as exc:
        raise PriceFileError(f"{name}: {exc}") from None


def _check_fields(table: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := table.keys() - known:
        raise PriceFileError(f"unknown: {_shown(min(unknown))}; known are {', '.join(sorted(known))}")


def _amounts(table: Mapping[str, Any], *, from_input_tokens: int) -> tuple[Amount, ...]:
    found: list[Amount] = []
    for name, kind in _KINDS.items():
        if name in table:
            try:
                found.append(Amount(kind, price(table[name]), from_input_tokens))
            except ValueError as exc:
                raise PriceFileError(f"{name} {exc}") from None
    return tuple(found)


def _tiers(entry: Mapping[str, Any], priced: set[UnitKind]) -> tuple[Amount, ...]:
    tiers = entry.get("tiers", [])
    if not isinstance(tiers, list) or len(tiers) > MAX_TIERS or not all(isinstance(tier, dict) for tier in tiers):
        raise PriceFileError(f"tiers must be a list of at most {MAX_TIERS} tables")
    found: list[Amount] = []
    for tier in tiers:
        _check_fields(tier, _TIER_FIELDS)
        start = tier.get("from_input_tokens")
        if isinstance(start, bool) or not isinstance(start, int) or not 1 <= start <= MAX_INPUT_TOKENS:
            raise PriceFileError(f"from_input_tokens must be from 1 to {MAX_INPUT_TOKENS:,}")
        found += _amounts(tier, from_input_tokens=start)
    if without := {amount.kind for amount in found} - priced:
        raise PriceFileError(f"a tier has {min(without)}, but shorter prompts have no price for it")
    if len({(amount.kind, amount.from_input_tokens) for amount in found}) < len(found):
        raise PriceFileError("two tiers begin at the same number of tokens")
    return tuple(found)


def _moment(value: object) -> datetime:
    """A date means its first moment, in UTC; so does a time without a zone."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise PriceFileError("from must be a date, such as 2026-12-31")
    try:
        moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        moment = LATEST
    if not EARLIEST <= moment < LATEST:
        raise PriceFileError(f"from must be between {EARLIEST.year} and {LATEST.year}")
    return moment


def _check_said_once(entries: Iterable[PriceEntry]) -> None:
    seen: dict[tuple[str, str, datetime | None], int] = {}
    for number, entry in enumerate(entries, start=1):
        first = seen.setdefault((entry.vendor, entry.model, entry.valid_from), number)
        if first != number:
            raise PriceFileError(f"price {number} ({_shown(entry.vendor)}, {_shown(entry.model)}): as price {first}")


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > LONG_BITS:
        # Python refuses to write out a number of thousands of digits.
        return "a number beyond all bounds"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
