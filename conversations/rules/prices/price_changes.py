"""What must be written to the price table so that it says what the price files say.

Rows are added, never changed. Shipped prices that are missing are added from their dates. A price of the operator's
file holds as long as the file says it: a shipped one that comes later does not take its place, since the file's price
is written again from the same date, on which it goes first. Rows of the file that are not valid yet, and that the file
does not say any more, are withdrawn.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from conversations.rules.prices.price_files import PriceEntry, PriceFileError
from conversations.values.prices import PriceRow, PriceSource, UnitKind

# Vendor, model or pattern, kind.
Name = tuple[str, str, UnitKind]
# The amount of each tier, by the number of tokens from which on it holds.
Tiers = Mapping[int, Decimal]
_Dates = dict[datetime, Tiers]


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """A price of one kind with all its tiers."""

    name: Name
    valid_from: datetime
    tiers: Tiers


@dataclass(frozen=True, slots=True)
class PriceChanges:
    """`replaced` are prices from the admin that a new shipped one, of a later date, takes the place of."""

    shipped: tuple[DatedPrice, ...]
    from_file: tuple[DatedPrice, ...]
    withdrawn: tuple[DatedPrice, ...]
    replaced: tuple[Name, ...]


def decide(
    *, shipped: Iterable[PriceEntry], own: Iterable[PriceEntry], known: Iterable[PriceRow], now: datetime
) -> PriceChanges:
    """`known` are the table's rows. Raises PriceFileError when `own` says otherwise what was valid already."""
    by_source = _by_source(known)
    of_shipped, of_admin = by_source[PriceSource.SHIPPED], by_source[PriceSource.ADMIN]
    new: list[DatedPrice] = []
    for price in _dated(shipped):
        if price.valid_from not in of_shipped[price.name]:
            of_shipped[price.name][price.valid_from] = price.tiers
            new.append(price)
    of_file = by_source[PriceSource.FILE]
    wanted = [
        DatedPrice(name, date, tiers)
        for name, dates in _said(own).items()
        for date, tiers in sorted(_wanted(name, dates, of_file[name], of_shipped[name], now).items())
    ]
    kept = {
        (price.name, price.valid_from) for price in wanted if of_file[price.name].get(price.valid_from) == price.tiers
    }
    return PriceChanges(
        shipped=tuple(new),
        from_file=tuple(price for price in wanted if (price.name, price.valid_from) not in kept),
        withdrawn=tuple(
            DatedPrice(name, date, tiers)
            for name, dates in of_file.items()
            for date, tiers in dates.items()
            if date > now and (name, date) not in kept
        ),
        replaced=_replaced(new, of_admin, of_file, now),
    )


def _wanted(name: Name, said: Mapping[datetime | None, Tiers], known: _Dates, shipped: _Dates, now: datetime) -> _Dates:
    """The rows of one name that the file wants: what it says, and that again from the dates of later shipped prices."""
    found: _Dates = {date: tiers for date, tiers in said.items() if date is not None}
    past: _Dates = {date: tiers for date, tiers in known.items() if date <= now}
    for date, tiers in found.items():
        if past.get(date, tiers) != tiers:
            vendor, model, kind = name
            raise PriceFileError(
                f"PRICES_FILE: ({vendor}, {model}): another price of {kind} has been valid from {date:%Y-%m-%d %H:%M}; "
                "a price is never changed, so give a new one a later date"
            )
        if date <= now:
            past[date] = tiers
    if (wanted_now := _said_at(said, now)) is not None and _latest(past, now) != wanted_now:
        past[now] = found[now] = wanted_now
    for date in shipped.keys() - found.keys() - past.keys():
        tiers_then = _latest(past, date) if date <= now else _said_at(said, date)
        if tiers_then is not None:
            found[date] = tiers_then
    return found


def _said_at(said: Mapping[datetime | None, Tiers], moment: datetime) -> Tiers | None:
    dated = {date: tiers for date, tiers in said.items() if date is not None}
    return _latest(dated, moment) or said.get(None)


def _latest(dates: _Dates, moment: datetime) -> Tiers | None:
    latest = max((date for date in dates if date <= moment), default=None)
    return None if latest is None else dates[latest]


def _replaced(
    new: Iterable[DatedPrice], of_admin: Mapping[Name, _Dates], of_file: Mapping[Name, _Dates], now: datetime
) -> tuple[Name, ...]:
    """The file's prices stay, so only where the admin's was the latest of the two."""
    names: dict[Name, None] = {}
    for price in new:
        admins = [date for date in of_admin.get(price.name, {}) if date <= now]
        files = [date for date in of_file.get(price.name, {}) if date <= now]
        if admins and max(admins) < price.valid_from and max(admins) >= max(files, default=max(admins)):
            names[price.name] = None
    return tuple(names)


def _by_source(rows: Iterable[PriceRow]) -> Mapping[PriceSource, defaultdict[Name, _Dates]]:
    found: dict[PriceSource, defaultdict[Name, defaultdict[datetime, dict[int, Decimal]]]]
    found = {source: defaultdict(lambda: defaultdict(dict)) for source in PriceSource}
    for row in rows:
        found[row.source][row.vendor, row.model, row.kind][row.valid_from][row.from_input_tokens] = row.amount
    return {
        source: defaultdict(dict, {name: dict(dates) for name, dates in names.items()})
        for source, names in found.items()
    }


def _said(entries: Iterable[PriceEntry]) -> dict[Name, dict[datetime | None, Tiers]]:
    """By name, then by date; the date None is from now on."""
    found: defaultdict[Name, dict[datetime | None, Tiers]] = defaultdict(dict)
    for entry in entries:
        tiers: defaultdict[UnitKind, dict[int, Decimal]] = defaultdict(dict)
        for amount in entry.amounts:
            tiers[amount.kind][amount.from_input_tokens] = amount.amount
        for kind, of_kind in tiers.items():
            found[entry.vendor, entry.model, kind][entry.valid_from] = of_kind
    return dict(found)


def _dated(entries: Iterable[PriceEntry]) -> Iterable[DatedPrice]:
    for name, dates in _said(entries).items():
        for date, tiers in dates.items():
            if date is not None:
                yield DatedPrice(name, date, tiers)
