"""What runs use besides calls to their models, as units with prices: searches of the web, vectors of questions,
and small calls to other models."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from conversations.rules.prices.price_book import ModelPrices, PriceBook
from conversations.values.prices import UnitCounts, UnitKind
from providers.messages import UsedBeside

# A search engine is a vendor in the price list, and this its model.
SEARCH_MODEL = "search"


@dataclass(frozen=True, slots=True)
class PricedBeside:
    """`prices` are those of its vendor and model, at the moment for which it is charged."""

    used: UsedBeside
    prices: ModelPrices

    @property
    def units(self) -> UnitCounts:
        calls = 1 if self.used.input_tokens else 0
        counts = {
            UnitKind.INPUT: self.used.input_tokens,
            UnitKind.OUTPUT: self.used.output_tokens,
            UnitKind.CALL: calls,
            UnitKind.SEARCH: self.used.searches,
        }
        return UnitCounts({kind: count for kind, count in counts.items() if count > 0})


def of_search(engine: str) -> UsedBeside:
    """One search of the web by an engine of ours, named as in `search/registry.py`."""
    return UsedBeside(engine, SEARCH_MODEL, searches=1)


def priced(used: Sequence[UsedBeside], book: PriceBook, *, at: datetime) -> list[PricedBeside]:
    return [PricedBeside(one, book.prices_of(vendor=one.vendor, model=one.model, at=at)) for one in used]
