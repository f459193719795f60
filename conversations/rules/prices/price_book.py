"""Which prices hold for a model at a moment, of all that are known."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby

from conversations.values.prices import ANY_ENDING, PriceRow, PriceSource, UnitKind

MATCHES_KEPT = 1_000
_PRECEDENCE = {source: place for place, source in enumerate(PriceSource)}


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """The prices that hold for one model at one moment: by kind, the rows of its tiers, the lowest first."""

    tiers: Mapping[UnitKind, tuple[PriceRow, ...]]

    def row(self, kind: UnitKind, *, input_tokens: int) -> PriceRow | None:
        """The price of a kind in a call whose prompt has so many tokens, its cached ones included."""
        fitting = [row for row in self.tiers.get(kind, ()) if row.from_input_tokens <= input_tokens]
        return fitting[-1] if fitting else None


# Of one model name or pattern: for each kind its tiers at every date, the latest first.
_Dated = Mapping[UnitKind, tuple[tuple[PriceRow, ...], ...]]


class PriceBook:
    """Immutable, so all threads of a process may use one.

    For each kind of unit alone: a price of the very model goes before one of a pattern, a longer pattern before a
    shorter one; then the latest date that is not after the moment; then PriceSource's order. All tiers are taken from
    the same date and source.
    """

    def __init__(self, rows: Iterable[PriceRow]) -> None:
        by_name: defaultdict[tuple[str, str], list[PriceRow]] = defaultdict(list)
        for row in rows:
            by_name[row.vendor, row.model].append(row)
        self._names: dict[tuple[str, str], _Dated] = {name: _dated(found) for name, found in by_name.items()}
        # Asked for every turn, and there may be thousands of patterns. As many names as anybody routes.
        self._matching = lru_cache(maxsize=MATCHES_KEPT)(self._match)
        patterns = sorted((name for name in by_name if name[1].endswith(ANY_ENDING)), key=lambda name: -len(name[1]))
        self._patterns = [
            (vendor, model.removesuffix(ANY_ENDING), self._names[vendor, model]) for vendor, model in patterns
        ]

    def prices_of(self, *, vendor: str, model: str, at: datetime) -> ModelPrices:
        """`model` is the vendor's own name of it. Without any price the result is empty."""
        tiers: dict[UnitKind, tuple[PriceRow, ...]] = {}
        for dated in self._matching(vendor, model):
            for kind, dates in dated.items():
                if kind not in tiers and (valid := next((rows for rows in dates if rows[0].valid_from <= at), None)):
                    tiers[kind] = valid
        return ModelPrices(tiers)

    def _match(self, vendor: str, model: str) -> tuple[_Dated, ...]:
        """The prices of the very name, then those of patterns, the longer one first. Without any: none."""
        found = [self._names[vendor, model]] if (vendor, model) in self._names else []
        found += [dated for owner, start, dated in self._patterns if owner == vendor and model.startswith(start)]
        return tuple(found)


def _dated(rows: list[PriceRow]) -> _Dated:
    by_kind: defaultdict[UnitKind, list[tuple[PriceRow, ...]]] = defaultdict(list)
    for (kind, _, _), tiers in groupby(sorted(rows, key=_order), key=lambda row: _order(row)[:3]):
        by_kind[kind].append(tuple(tiers))
    return {kind: tuple(dates) for kind, dates in by_kind.items()}


def _order(row: PriceRow) -> tuple[UnitKind, float, int, int]:
    return (row.kind, -row.valid_from.timestamp(), _PRECEDENCE[row.source], row.from_input_tokens)
