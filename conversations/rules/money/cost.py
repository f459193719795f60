"""What units cost at given prices, exactly, and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from conversations.rules.prices.beside import PricedBeside
from conversations.rules.prices.price_book import ModelPrices
from conversations.values.prices import PriceRow, UnitCounts, UnitKind
from providers.messages import UsedBeside

# The columns of amounts of money: NUMERIC(20, 10).
AMOUNT_DIGITS = 20
AMOUNT_DECIMALS = 10
# The largest such number. Only a vendor's nonsense costs more.
MAX_AMOUNT = Decimal(10) ** (AMOUNT_DIGITS - AMOUNT_DECIMALS) - Decimal(10) ** -AMOUNT_DECIMALS
WIRE_DECIMALS = 6
HUNDRED = Decimal(100)
# Counts have up to 12 digits, prices 20, the markup 8: nothing below is rounded before it says so.
_EXACT_DIGITS = 100

# The price of a kind that has none of its own.
FALLBACKS: Mapping[UnitKind, UnitKind] = {
    UnitKind.CACHE_READ: UnitKind.INPUT,
    UnitKind.CACHE_WRITE_5M: UnitKind.INPUT,
    UnitKind.CACHE_WRITE_1H: UnitKind.CACHE_WRITE_5M,
    UnitKind.IMAGE_INPUT: UnitKind.INPUT,
    UnitKind.AUDIO_INPUT: UnitKind.INPUT,
    UnitKind.REASONING: UnitKind.OUTPUT,
    UnitKind.IMAGE_OUTPUT: UnitKind.OUTPUT,
    UnitKind.AUDIO_OUTPUT: UnitKind.OUTPUT,
}


@dataclass(frozen=True, slots=True)
class CostLine:
    """`units` of one kind at a price; `amount` is exact. Without a `price` they are not charged for.

    `call` is the number of the call to the model, from 1. `beside`: what else than a call to the model it is of.
    """

    kind: UnitKind
    units: int
    price: PriceRow | None
    amount: Decimal
    call: int = 1
    beside: UsedBeside | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """`amount` is the `total` of the lines and the markup."""

    amount: Decimal
    lines: tuple[CostLine, ...]
    markup_percent: Decimal


def of(units: UnitCounts, prices: ModelPrices, *, markup_percent: Decimal = Decimal(0)) -> Cost | None:
    """Of one call. None when some tokens have no price: the model is unpriced, which is not the same as free."""
    return of_calls((units,), prices, markup_percent=markup_percent)


def of_calls(
    calls: Sequence[UnitCounts],
    prices: ModelPrices,
    *,
    markup_percent: Decimal = Decimal(0),
    beside: Sequence[PricedBeside] = (),
) -> Cost | None:
    """As `of`. Each call has the tier of its own prompt."""
    return of_priced([(units, prices) for units in calls], markup_percent=markup_percent, beside=beside)


def of_priced(
    calls: Sequence[tuple[UnitCounts, ModelPrices]],
    *,
    markup_percent: Decimal = Decimal(0),
    beside: Sequence[PricedBeside] = (),
) -> Cost | None:
    """As `of_calls`, of calls that may have gone to different models. What is `beside` and has no price is free."""
    lines = [line for one in beside for line in _lines_beside(one)]
    for call, (units, prices) in enumerate(calls, start=1):
        found = _lines(units, prices, call=call)
        if found is None:
            return None
        lines += found
    amount = total((line.amount for line in lines), markup_percent=markup_percent)
    return Cost(amount, tuple(lines), markup_percent)


def total(amounts: Iterable[Decimal], *, markup_percent: Decimal = Decimal(0)) -> Decimal:
    """The sum of exact amounts of lines and the markup, rounded once, half to even, to AMOUNT_DECIMALS."""
    with localcontext() as context:
        context.prec = _EXACT_DIGITS
        exact = sum(amounts, Decimal(0)) * (1 + markup_percent / HUNDRED)
        return min(_rounded(exact, AMOUNT_DECIMALS), MAX_AMOUNT)


def on_wire(amount: Decimal) -> Decimal:
    """As callers are shown it: at most six decimals (docs/contract D.3), rounded half to even, no zeros at the end."""
    with localcontext() as context:
        context.prec = _EXACT_DIGITS
        # The sum with nothing is never -0.
        shown = (_rounded(amount, WIRE_DECIMALS) + 0).normalize()
        # Normalized, ten would be 1E+1.
        return shown.quantize(Decimal(1)) if shown == shown.to_integral_value() else shown


def _lines(units: UnitCounts, prices: ModelPrices, *, call: int) -> list[CostLine] | None:
    length = units.prompt_tokens
    is_by_token = any(kind.is_token for kind in prices.tiers)
    is_by_call = prices.row(UnitKind.CALL, input_tokens=length) is not None
    if not is_by_token and not is_by_call:
        return None
    lines: list[CostLine] = []
    for kind, count in units.units.items():
        price = _price(prices, kind, length)
        if price is None and kind.is_token and is_by_token:
            return None
        amount = Decimal(0) if price is None else _exact(count, price)
        lines.append(CostLine(kind, count, price, amount, call))
    return lines


def _lines_beside(one: PricedBeside) -> Iterator[CostLine]:
    units = one.units
    for kind, count in units.units.items():
        price = _price(one.prices, kind, units.prompt_tokens)
        yield CostLine(kind, count, price, Decimal(0) if price is None else _exact(count, price), beside=one.used)


def _price(prices: ModelPrices, kind: UnitKind, length: int) -> PriceRow | None:
    return next((row for name in _with_fallbacks(kind) if (row := prices.row(name, input_tokens=length))), None)


def _with_fallbacks(kind: UnitKind) -> Iterator[UnitKind]:
    name: UnitKind | None = kind
    while name is not None:
        yield name
        name = FALLBACKS.get(name)


def _exact(count: int, price: PriceRow) -> Decimal:
    with localcontext() as context:
        context.prec = _EXACT_DIGITS
        return price.amount * count / price.kind.units_priced


def _rounded(amount: Decimal, decimals: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
