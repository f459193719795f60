"""The turn whose sources are looked for, as all that look for them see it, and what is used for that."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock

from conversations.errors import BalanceUsedUp, ModelNotPriced, ParleyError
from conversations.queries.money import current_prices, embedding_prices
from conversations.routing.targets import RoutedTarget
from conversations.rules.money import cost
from conversations.rules.prices import beside
from conversations.rules.prices.beside import PricedBeside
from conversations.rules.prices.price_book import ModelPrices
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.records import PromptInputs
from conversations.values.context.sources import ContextAsked
from conversations.values.money import Terms
from conversations.workers.runs.budget import Budget
from conversations.workers.runs.history import History
from conversations.workers.runs.process import RunHandle, WorkerProcess
from providers.messages import UsedBeside

NO_PRICES = ModelPrices({})
# What an account would be charged for is not used for a turn that is only tried.
DRY_RUN = "dry_run"


class Beside:
    """What is used for a run besides the calls to its model, counted at the moment when it was used.

    For any thread of the run. A run that is stopped meanwhile pays for it all the same. Without a budget it is counted
    alone: nobody pays.
    """

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._lock = Lock()
        self._used: list[UsedBeside] = []
        self._known: dict[tuple[str, str], ModelPrices] = {}

    @property
    def pays(self) -> bool:
        """Whether somebody pays money for it."""
        return self._budget is not None and self._budget.pays

    def reserve(self, used: UsedBeside) -> None:
        """Raises BalanceUsedUp or CostLimitReached for what cannot be paid, ServiceUnavailable when no price is known.

        To be called before it is used, by the run's own thread.
        """
        if self._budget is not None:
            priced = self._priced(used, self._budget.terms)
            self._budget.reserve_beside(_cost(priced, self._budget.terms))

    def refusal_of_vector(self, embedding: str, question: str) -> str:
        """Before a vendor's model is asked for the vector of a question: why it is not, "" if it is (`MayAsk`)."""
        if self._budget is None:
            return ""
        markup_percent = self._budget.terms.markup_percent or Decimal(0)
        try:
            amount = embedding_prices.estimate(embedding, [question], markup_percent=markup_percent)
            self._budget.reserve_beside(amount)
        except ParleyError as exc:
            return exc.code
        return ""

    def expect(self, most: UsedBeside) -> Decimal:
        """Reserves for a call to another model that is made while the run's own answers, and returns what it may cost.

        That counts as spent until `came`. Raises BalanceUsedUp, also where the answer's length is limited by what it
        costs, CostLimitReached, ModelNotPriced and ServiceUnavailable. By the run's own thread, as `came`.
        """
        budget = self._budget
        if budget is None:
            return Decimal(0)
        if budget.answer_limit is not None:
            raise BalanceUsedUp
        priced = self._priced(most, budget.terms)
        if budget.pays and cost.of(priced.units, priced.prices) is None:
            raise ModelNotPriced
        amount = _cost(priced, budget.terms)
        budget.reserve_beside(amount)
        budget.keep_beside(None, amount)
        return amount

    def came(self, used: UsedBeside | None, *, expected: Decimal) -> None:
        """What was used of what was expected."""
        if self._budget is not None:
            self._budget.keep_beside(None, -expected)
        if used is not None:
            self.add(used)

    def add(self, used: UsedBeside) -> None:
        """It was used. Raises ServiceUnavailable when its price is not known, which is never after `reserve`."""
        with self._lock:
            self._used.append(used)
            if self._budget is not None:
                self._keep(used, self._budget)

    def costs(self, used: UsedBeside) -> bool:
        """Whether its account would be charged for it. Raises ServiceUnavailable when no price is known."""
        budget = self._budget
        return budget is not None and budget.pays and _cost(self._priced(used, budget.terms), budget.terms) > 0

    def untaken(self) -> tuple[UsedBeside, ...]:
        """What is in no usage yet."""
        with self._lock:
            return tuple(self._used)

    def take(self) -> None:
        """It is in the usage of a call that came to its end."""
        with self._lock:
            self._used.clear()

    def _keep(self, used: UsedBeside, budget: Budget) -> None:
        priced = self._priced(used, budget.terms)
        budget.keep_beside(priced, _cost(priced, budget.terms))

    def _priced(self, used: UsedBeside, terms: Terms) -> PricedBeside:
        key = (used.vendor, used.model)
        if key not in self._known:
            self._known[key] = beside.priced((used,), current_prices.book(), at=terms.accepted_at)[0].prices
        return PricedBeside(used, self._known[key])


def _cost(priced: PricedBeside, terms: Terms) -> Decimal:
    found = cost.of_calls((), NO_PRICES, markup_percent=terms.markup_percent or Decimal(0), beside=(priced,))
    return Decimal(0) if found is None else found.amount


@dataclass(frozen=True, slots=True)
class Turn:
    """`targets` are those that may be asked. `ends_at`, of `time.monotonic()`: then nothing more is waited for."""

    run: ClaimedRun
    asked: ContextAsked
    inputs: PromptInputs
    history: History
    targets: Sequence[RoutedTarget]
    process: WorkerProcess
    handle: RunHandle
    beside: Beside
    ends_at: float

    @property
    def is_searched_by_vendor(self) -> bool:
        """Whether every model that may be asked searches the web itself."""
        return all(routed.target.searches for routed in self.targets)
