"""What usage is counted in, and prices: one kind of unit of one model, from a date on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

# A pattern is the beginning of model names, and then this.
ANY_ENDING = "*"


class UnitKind(StrEnum):
    """The first five are parts of a prompt, the next two of an answer; then images and sound of either.

    No token is of two kinds.
    """

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE_5M = "cache_write_5m"
    CACHE_WRITE_1H = "cache_write_1h"
    OUTPUT = "output"
    REASONING = "reasoning"
    IMAGE_INPUT = "image_input"
    IMAGE_OUTPUT = "image_output"
    AUDIO_INPUT = "audio_input"
    AUDIO_OUTPUT = "audio_output"
    CALL = "call"
    SEARCH = "search"

    @property
    def is_token(self) -> bool:
        return self not in (UnitKind.CALL, UnitKind.SEARCH)

    @property
    def units_priced(self) -> int:
        """How many units a price is for: a million tokens, one call, one search."""
        return 1_000_000 if self.is_token else 1


OF_PROMPT = (
    *(UnitKind.INPUT, UnitKind.CACHE_READ, UnitKind.CACHE_WRITE_5M, UnitKind.CACHE_WRITE_1H),
    *(UnitKind.IMAGE_INPUT, UnitKind.AUDIO_INPUT),
)
OF_ANSWER = (UnitKind.OUTPUT, UnitKind.REASONING, UnitKind.IMAGE_OUTPUT, UnitKind.AUDIO_OUTPUT)


class PriceSource(StrEnum):
    """Where a price is from. Of two prices from the same date the earlier one of these holds."""

    ADMIN = "admin"
    FILE = "file"
    SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class UnitCounts:
    """What was used, by kind. Kinds that were not used are left out; none is negative."""

    units: Mapping[UnitKind, int]

    @property
    def prompt_tokens(self) -> int:
        return sum(self.units.get(kind, 0) for kind in OF_PROMPT)

    @property
    def completion_tokens(self) -> int:
        return sum(self.units.get(kind, 0) for kind in OF_ANSWER)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """`amount` is for `kind.units_priced` units, of prompts that have `from_input_tokens` tokens or more.

    `model` is a name, or a pattern: the beginning of names, with ANY_ENDING. `price_id` is None where it is not stored.
    """

    vendor: str
    model: str
    kind: UnitKind
    amount: Decimal
    valid_from: datetime
    source: PriceSource
    currency: str
    from_input_tokens: int = 0
    price_id: int | None = None
