"""`manage.py write_prices`: writes the shipped prices from the data of the package genai-prices, which asks no network.

Of a price that depends on the hour of the day the dearest is taken. A price that stays as it was keeps its date, so
that installations do not get it again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import metadata
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from conversations.rules.prices import price_files as price_file_rules
from conversations.rules.prices.price_files import PriceEntry
from conversations.services.money import price_files
from conversations.values.prices import UnitKind
from providers import catalog

# Our vendors that have models of their own in the catalogue, by the names that the package has for them.
VENDORS = {"deepseek": "deepseek", "openai": "openai", "x-ai": "xai", "zai": "zai"}
# By kind, the package's names, of which the first that it knows counts. Its prices of calls are of a thousand.
NAMES: Mapping[UnitKind, tuple[str, ...]] = {
    UnitKind.INPUT: ("input_mtok", "input_text_mtok"),
    UnitKind.CACHE_READ: ("cache_read_mtok", "cache_text_read_mtok"),
    UnitKind.CACHE_WRITE_5M: ("cache_write_5m_mtok", "cache_write_mtok"),
    UnitKind.CACHE_WRITE_1H: ("cache_write_1h_mtok",),
    UnitKind.OUTPUT: ("output_mtok", "output_text_mtok"),
    UnitKind.REASONING: ("output_reasoning_mtok",),
    UnitKind.IMAGE_INPUT: ("input_image_mtok",),
    UnitKind.IMAGE_OUTPUT: ("output_image_mtok",),
    UnitKind.AUDIO_INPUT: ("input_audio_mtok",),
    UnitKind.AUDIO_OUTPUT: ("output_audio_mtok",),
    UnitKind.CALL: ("requests_kcount",),
    UnitKind.SEARCH: ("web_searches_kcount",),
}
HOURS = [timedelta(minutes=minutes) for minutes in range(0, 24 * 60, 15)]
HEAD = """\
# Prices in US dollars, of a million tokens each; `call` and `search` are of one. Written by `manage.py write_prices`
# from genai-prices {version} (MIT, https://github.com/pydantic/genai-prices): do not change it by hand. What that
# package lacks is in by_hand.toml. `from` is the vendor's date, or the day on which the price was first seen.

currency = "USD"
prices = [
"""

# The price of each kind, by the number of tokens from which on it holds.
Amounts = dict[tuple[int, UnitKind], Decimal]


class Command(BaseCommand):
    help = "Writes the shipped prices from genai-prices (needs the development packages)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        today = datetime.now(UTC).date()
        parser.add_argument("--date", type=date.fromisoformat, default=today, help="From which on new prices hold.")

    def handle(self, *, date: date, **_options: Any) -> None:
        previous: tuple[PriceEntry, ...] = ()
        if price_files.GENERATED.exists():
            data = price_files.GENERATED.read_bytes()
            previous = price_file_rules.parse(data, vendors=catalog.builtin().vendors).entries
        from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 — not installed in production

        found = lines(get_snapshot().providers, previous, today=date)
        head = HEAD.format(version=metadata.version("genai-prices"))
        price_files.GENERATED.write_text(f"{head}{''.join(found)}]\n", encoding="utf-8")
        self.stdout.write(f"{price_files.GENERATED.name}: {len(found)} prices")


def lines(providers: Iterable[Any], previous: Iterable[PriceEntry], *, today: date) -> list[str]:
    """The file's entries, sorted. `providers` are the package's; `previous` are the entries of the file until now."""
    known = {(entry.vendor, entry.model, _amounts_of(entry)): entry.valid_from for entry in previous}
    found: list[str] = []
    for provider in providers:
        vendor = VENDORS.get(provider.id, "")
        for name, model in _models(provider, vendor).items():
            for start, amounts in _dated(model, today):
                seen = known.get((vendor, name, tuple(sorted(amounts.items()))))
                found.append(_line(vendor, name, start or (seen.date() if seen else today), amounts))
    return sorted(found)


def _models(provider: Any, vendor: str) -> dict[str, Any]:
    """By every name that the package writes out, and by those of our catalogue that it would recognise."""
    if not vendor:
        return {}
    names = {name: model for model in provider.models for name in (model.id, *_equal_to(model.match))}
    ours = [entry.model for entry in catalog.builtin().models.values() if entry.vendor.name == vendor]
    return {**names, **{name: found for name in ours if (found := provider.find_model(name))}}


def _equal_to(clause: Any) -> Iterator[str]:
    if hasattr(clause, "equals"):
        yield clause.equals
    for inner in getattr(clause, "or_", ()):
        yield from _equal_to(inner)


def _dated(model: Any, today: date) -> Iterator[tuple[date | None, Amounts]]:
    """The price of today and those that are known to come, each with the date on which the vendor began it."""
    conditions = (
        [getattr(price, "constraint", None) for price in model.prices] if isinstance(model.prices, list) else []
    )
    dates = sorted({found for condition in conditions if (found := getattr(condition, "start_date", None))})
    begun = max((found for found in dates if found <= today), default=None)
    for at, start in [(today, begun), *((found, found) for found in dates if found > today)]:
        midnight = datetime.combine(at, datetime.min.time(), UTC)
        found = [_amounts(model.get_prices(midnight + hour)) for hour in HOURS]
        dearest = max(found, key=lambda amounts: [amounts.get((0, kind), Decimal(0)) for kind in NAMES])
        # What is not charged by tokens (hours of sound, pixels) has no price here.
        if (0, UnitKind.INPUT) in dearest:
            yield start, dearest


def _amounts(prices: Any) -> Amounts:
    found: Amounts = {}
    for kind, names in NAMES.items():
        given = next((price for name in names if (price := getattr(prices, name)) is not None), None)
        if given is None:
            continue
        scale = 1 if kind.is_token else 1000
        found[0, kind] = Decimal(getattr(given, "base", given)) / scale
        for tier in getattr(given, "tiers", ()):
            # The package's tiers hold above that number.
            found[tier.start + 1, kind] = tier.price / scale
    return found


def _amounts_of(entry: PriceEntry) -> tuple[tuple[tuple[int, UnitKind], Decimal], ...]:
    return tuple(sorted(((found.from_input_tokens, found.kind), found.amount) for found in entry.amounts))


def _line(vendor: str, model: str, start: date, amounts: Amounts) -> str:
    fields = [f"vendor = {json.dumps(vendor)}", f"model = {json.dumps(model)}", f"from = {start}", _fields(amounts, 0)]
    if starts := sorted({tier for tier, _ in amounts if tier}):
        tiers = ", ".join(f"{{ from_input_tokens = {tier:_}, {_fields(amounts, tier)} }}" for tier in starts)
        fields.append(f"tiers = [{tiers}]")
    return f"  {{ {', '.join(fields)} }},\n"


def _fields(amounts: Amounts, start: int) -> str:
    return ", ".join(f"{kind} = {amounts[start, kind]:f}" for kind in UnitKind if (start, kind) in amounts)
