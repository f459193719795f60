"""What a request reserves when it is accepted, and what its run is paid by."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings

from conversations import errors, routing
from conversations.models import Run, RunStep
from conversations.queries.money import current_prices
from conversations.routing.targets import RoutedTarget
from conversations.rules.money import cost, reservations
from conversations.rules.prices import beside
from conversations.rules.prices.price_book import ModelPrices, PriceBook
from conversations.search import registry
from conversations.values.money import Metering
from conversations.values.requests import Operation, RunRequest
from providers import serialization, tokens

NO_PRICES = ModelPrices({})
# What both START statements of metered turns take when nothing is reserved.
NOTHING: dict[str, Decimal | None] = {"reserve": None, "markup_percent": None}


def for_request(request: RunRequest, *, metering: Metering | None, max_cost: Decimal | None) -> dict[str, Any] | None:
    """What START takes besides for a metered turn; None for a turn that they are not for.

    Only the request's own messages are counted: a worker raises the reservation once it knows the history. Raises
    ModelNotPriced, CostLimitReached for a question that alone costs more than that everywhere, and ServiceUnavailable
    when no price can be read.
    """
    if metering is None:
        return None if max_cost is None else {**NOTHING, "max_cost": max_cost}
    if not metering.pays:
        return {"reserve": Decimal(0), "markup_percent": None, "max_cost": max_cost}
    reserve = _first(request, metering.markup_percent, max_cost)
    return {"reserve": reserve, "markup_percent": metering.markup_percent, "max_cost": max_cost}


def for_paused(run: Run, *, markup_percent: Decimal, max_cost: Decimal | None) -> Decimal:
    """For a run that goes on after an approval: as much as its last call used, and the beginning of an answer.

    More is reserved once a worker knows the prompt. Raises ModelNotPriced, and ServiceUnavailable.
    """
    used = RunStep.objects.for_account(run.account_id).filter(run=run.pk).order_by("-number").first()
    usage = serialization.load_usage(used.usage) if used and used.usage else None
    book, now = current_prices.book(), run.created_at
    targets = routing.for_model(run.model, operation=Operation.CHAT)
    amounts = reservations.estimates(
        [book.prices_of(vendor=routed.target.vendor, model=routed.target.model, at=now) for routed in targets],
        input_tokens=usage.total_tokens if usage else 0,
        output_tokens=reservations.FIRST_OUTPUT_TOKENS,
        markup_percent=markup_percent,
    )
    if not amounts:
        raise errors.ModelNotPriced
    return max(amounts) if max_cost is None else min(max(amounts), max_cost)


def _first(request: RunRequest, markup_percent: Decimal, max_cost: Decimal | None) -> Decimal:
    """At the dearest of the targets, since nobody knows yet which one will answer. No more than the caller allows."""
    book, now = current_prices.book(), datetime.now(UTC)
    targets = routing.for_model(request.model, operation=request.operation)
    prices = [book.prices_of(vendor=routed.target.vendor, model=routed.target.model, at=now) for routed in targets]
    searching = _searching(request, targets, book, at=now, markup_percent=markup_percent)
    estimates = partial(reservations.estimates, prices, input_tokens=_input_tokens(request))
    has_answer = request.operation is not Operation.EMBEDDING
    output_tokens = reservations.output_tokens(request.options, has_answer=has_answer)
    amounts = estimates(output_tokens=output_tokens, markup_percent=markup_percent)
    if not amounts:
        raise errors.ModelNotPriced(f"The model {request.model} has no price here.", param="model")
    if max_cost is None:
        return searching + max(amounts)
    if searching + min(estimates(output_tokens=0, markup_percent=markup_percent)) > max_cost:
        raise errors.CostLimitReached
    return min(searching + max(amounts), max_cost)


def _searching(
    request: RunRequest, targets: Sequence[RoutedTarget], book: PriceBook, *, at: datetime, markup_percent: Decimal
) -> Decimal:
    """What a search of the web costs, if the turn asks for one that is ours to make, or falls back on it."""
    may_search = request.context is not None and request.context.may_search
    if not may_search or all(routed.target.searches for routed in targets):
        return Decimal(0)
    engine = registry.configured(settings.SEARCH_SETTINGS)
    used = [] if engine is None else beside.priced([beside.of_search(engine.name)], book, at=at)
    found = cost.of_calls((), NO_PRICES, markup_percent=markup_percent, beside=used)
    return found.amount if found is not None else Decimal(0)


def _input_tokens(request: RunRequest) -> int:
    if request.operation is Operation.CHAT:
        return tokens.estimate_messages(request.messages) + tokens.estimate_declared(request.options)
    return tokens.estimate_bare(request.prompt or ())
