"""What an attempt may cost: reserved before a target is asked, raised in slices while the answer comes, billed at last.

Only for runs of metered accounts, and for those whose caller limits the cost. What it reckons with while an answer
comes is an estimate; the bill is made of what the vendor reported.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import structlog
from django.db import DatabaseError, connection

from conversations import errors
from conversations.queries.money import costs, current_prices
from conversations.routing.targets import RoutedTarget
from conversations.rules.money import answer_limits, bills, cost, reservations, unit_counts
from conversations.rules.money.reservations import UNLIMITED, Rates
from conversations.rules.prices import beside
from conversations.rules.prices.beside import PricedBeside
from conversations.rules.prices.price_book import ModelPrices
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome
from conversations.services.money import ledger
from conversations.services.runs.claim import ClaimedRun
from conversations.stores import refusals
from conversations.values.money import Bill, Terms
from conversations.values.prices import UnitKind
from conversations.workers.runs.prompts import Prompt
from providers.assembly import Assembler
from providers.catalog import Target
from providers.events import StreamEvent
from providers.messages import EmbeddingRequest, Request, Usage

log = structlog.get_logger(__name__)

NO_PRICES = ModelPrices({})
NOTHING = Decimal(0)

# Why a target is not asked. Another one may be cheaper, or have a price.
UNAFFORDABLE = (errors.BalanceUsedUp, errors.CostLimitReached, errors.ModelNotPriced)


class Budget:
    """Of one attempt, used by one thread."""

    def __init__(self, run: ClaimedRun, terms: Terms) -> None:
        self._run = run
        self._terms = terms
        self._reserved = terms.reserved or NOTHING
        self._prices = NO_PRICES
        self._target: Target | None = None
        self._prompt_tokens = 0
        self._prompts_sent = 1
        self._bytes = 0.0
        # The length of an answer, in bytes of its text, that what is reserved is estimated to suffice for.
        self._suffices_for = UNLIMITED
        self._rates: Rates = (NOTHING, NOTHING)
        # How many tokens of each answer the vendor was allowed, where that is fewer than were asked for.
        self._limit: int | None = None
        self._stopped: AttemptEnd | None = None
        # What is paid for in any case: what was used besides, and of a run whose model is asked again with what its
        # tools said the calls before. Then the prices of those calls.
        self._spent = NOTHING
        self._kept: list[ModelPrices] = []
        self._beside: list[PricedBeside] = []

    @property
    def is_metered(self) -> bool:
        """Whether its account has a ledger: of money, or of calls alone."""
        return self._terms.is_metered

    @property
    def pays(self) -> bool:
        """Whether its account pays money for what is used."""
        return self._terms.pays

    @property
    def reserved(self) -> Decimal:
        """Of a turn that is only tried: what would be."""
        return self._reserved

    @property
    def terms(self) -> Terms:
        return self._terms

    @property
    def answer_limit(self) -> int | None:
        """How many tokens of each answer the vendor was allowed; None where that is as many as were asked for."""
        return self._limit

    def affordable(self, targets: Sequence[RoutedTarget], build: Callable[[Target], Prompt]) -> Sequence[RoutedTarget]:
        """Those that the run has the money for; all of them when there is none, so that `begin` says why.

        `build` makes the prompt for a target. An account that pays is not sent to a target without a price. What other
        turns take of the balance meanwhile, `begin` finds out. Raises ServiceUnavailable when prices cannot be read.
        """
        if len(targets) == 1 or not (self.pays or self._terms.max_cost is not None):
            return targets
        try:
            return [to for to in targets if self._is_affordable(to.target, build(to.target))] or targets
        finally:
            connection.close()

    def begin(self, target: Target, prompt: Prompt) -> Request:
        """Reserves for the question as it is sent, and for the beginning of an answer. Returns what to send.

        That is the prompt's request; where the longest answer could not be paid for, with a limit on its length.

        Raises BalanceUsedUp, CostLimitReached or ModelNotPriced, and then nothing has changed; ServiceUnavailable when
        prices cannot be read.
        """
        self._target, self._limit = target, None
        try:
            self._look_up(target, prompt)
            return self._limited(prompt.request, target) if self._reserve(prompt.request) else prompt.request
        finally:
            # None is held while the model answers.
            connection.close()

    def _look_up(self, target: Target, prompt: Prompt) -> None:
        self._prompt_tokens, self._prompts_sent = prompt.estimated_tokens, 1
        self._prices = current_prices.book().prices_of(
            vendor=target.vendor, model=target.model, at=self._terms.accepted_at
        )

    def _is_affordable(self, target: Target, prompt: Prompt) -> bool:
        self._look_up(target, prompt)
        output_tokens = _first_tokens(prompt.request)
        try:
            wanted = self._wanted(output_tokens)
        except UNAFFORDABLE:
            return False
        funds = self._terms.funds
        return wanted is None or funds is None or wanted <= funds or self._suffices(output_tokens)

    def _wanted(self, output_tokens: int) -> Decimal | None:
        """What is to be reserved at first. None when the run may cost anything: nobody pays, and there is no price.

        Raises CostLimitReached or ModelNotPriced.
        """
        wanted, most = self._estimate(output_tokens), self._terms.max_cost
        if wanted is None:
            if self.pays:
                raise errors.ModelNotPriced
            return None
        if most is None or wanted <= most:
            return wanted
        if (self._estimate(0) or NOTHING) > most:
            raise errors.CostLimitReached
        return most

    def _reserve(self, request: Request) -> bool:
        """False when the run may cost anything."""
        output_tokens = _first_tokens(request)
        wanted = self._wanted(output_tokens)
        if wanted is None:
            self._suffices_for = UNLIMITED
            return False
        if self.pays and not self._suffices(output_tokens) and self._extend(wanted, least=wanted) < wanted:
            raise errors.BalanceUsedUp
        self._note_reserved()
        return True

    def _limited(self, request: Request, target: Target) -> Request:
        """The request as it is, unless the longest answer costs more than the run may."""
        funds = self._terms.funds
        if funds is None:
            return request
        kind = reservations.dearest_output(self._prices, request.options)
        rates = self._rates if kind is UnitKind.OUTPUT else self._rates_of(kind)
        affordable = reservations.affordable(max(funds, self._reserved), rates)
        if affordable < answer_limits.most_tokens(request, target):
            request, self._limit = answer_limits.limited(request, target, affordable_tokens=int(affordable))
        return request

    def add(self, event: StreamEvent) -> AttemptEnd | None:
        """Counts a piece of the answer. The attempt's end when no further one can be afforded."""
        self._bytes += reservations.size_of(event)
        return self._grow() if self._bytes > self._suffices_for else None

    def may_go_on(self) -> bool:
        """Whether the prompt may be sent once more, for answers that are missing: it is charged for again."""
        self._prompts_sent += 1
        self._note_reserved()
        if self._suffices_for <= self._bytes:
            self._stopped = self._grow()
        return self._stopped is None

    def count_before(self, calls: Sequence[tuple[str, Usage]]) -> None:
        """What was paid before the run waited for somebody: by the names of targets.

        It counts towards what the caller allows. Raises ServiceUnavailable when prices cannot be read.
        """
        if self._terms.max_cost is None:
            return
        before = Budget(self._run, self._terms)
        before.take_over(calls)
        self._terms = replace(self._terms, max_cost=max(NOTHING, self._terms.max_cost - before._spent))

    def take_over(self, calls: Sequence[tuple[str, Usage]]) -> None:
        """What an attempt used that ended without the run, by the names of targets: this one goes on from its steps.

        Raises ServiceUnavailable when prices cannot be read.
        """
        for target, usage in calls:
            book, at = current_prices.book(), self._terms.accepted_at
            vendor, model = costs.vendor_and_model(target)
            self._prices = book.prices_of(vendor=vendor, model=model, at=at)
            self.keep(usage, beside.priced(usage.beside, book, at=at))

    def keep(self, usage: Usage, used: Sequence[PricedBeside] = ()) -> None:
        """A call is over, and the model is asked once more: what that one used is paid for in any case.

        `used`: besides, where nobody has kept that yet.
        """
        calls = unit_counts.of_calls(usage)
        self._kept += [self._prices] * len(calls)
        self._beside += used
        found = cost.of_calls(calls, self._prices, markup_percent=self._terms.markup_percent or NOTHING, beside=used)
        self._spent += found.amount if found is not None else NOTHING
        self._bytes = 0.0

    def reserve_beside(self, cost_of_it: Decimal) -> None:
        """Before something is used besides the calls to the model. Most often enough is reserved.

        What is reserved once a model is asked is for its answer. Raises BalanceUsedUp or CostLimitReached, and then
        nothing has changed.
        """
        held = self._reserved if self._target else NOTHING
        wanted, most = max(held, self._spent) + cost_of_it, self._terms.max_cost
        if most is not None and wanted > most:
            raise errors.CostLimitReached
        try:
            if self.pays and self._extend(wanted, least=wanted) < wanted:
                raise errors.BalanceUsedUp
        finally:
            connection.close()

    def keep_beside(self, used: PricedBeside | None, cost_of_it: Decimal) -> None:
        """It was used, and is paid for in any case. None: it is only expected, or was, where the cost is below 0."""
        self._beside += [] if used is None else [used]
        self._spent += cost_of_it

    def end_of(self, refused: errors.ParleyError) -> AttemptEnd:
        """The end of an attempt of which a further call is refused. As a failed one it would cost nothing."""
        is_limit = isinstance(refused, errors.CostLimitReached)
        return AttemptEnd(AttemptOutcome.COST_LIMIT if is_limit else AttemptOutcome.OUT_OF_BALANCE)

    def stopped(self, draft: Assembler) -> AttemptEnd | None:
        """The end of an attempt whose call came to its end, if that was because of its cost."""
        if self._limit is not None and answer_limits.is_reached(draft, self._limit):
            return self._end()
        return self._stopped

    def _grow(self) -> AttemptEnd | None:
        """Reserves for the next slice of the answer.

        While the database is away the answer goes on: what it costs is taken from what is left at the end.
        """
        written = int(self._bytes) // reservations.BYTES_PER_TOKEN
        wanted = self._estimate(written + reservations.SLICE_TOKENS) or NOTHING
        most = self._terms.max_cost
        if most is not None:
            wanted = min(wanted, most)
        try:
            if self._terms.pays:
                self._extend(wanted, least=NOTHING)
        except DatabaseError as exc:
            if not refusals.is_away(exc):
                raise
            log.warning("reservation_not_raised", run_id=self._run.public_id, error=type(exc).__name__)
            self._suffices_for = self._bytes + reservations.SLICE_TOKENS * reservations.BYTES_PER_TOKEN
            return None
        finally:
            connection.close()
        self._note_reserved()
        return None if self._suffices_for > self._bytes else self._end()

    def _end(self) -> AttemptEnd:
        """By whichever is less: what its caller allows, or what the account has."""
        most, funds = self._terms.max_cost, self._terms.funds
        is_limit = most is not None and (not self._terms.pays or self._reserved >= most or most == funds)
        return AttemptEnd(AttemptOutcome.COST_LIMIT if is_limit else AttemptOutcome.OUT_OF_BALANCE)

    def bill(self, usage: Usage | None) -> Bill | None:
        """What the account pays for the usage; None when it is not metered, or nothing was used."""
        was_used = self._target or self._beside or self._kept
        if not self._terms.is_metered or usage is None or not was_used:
            return None
        vendor, model = (self._target.vendor, self._target.model) if self._target else ("", "")
        bill = bills.of_usage(
            usage, self._prices, self._terms, vendor=vendor, model=model, before=self._kept, beside=self._beside
        )
        if bill is None:
            log.error("run_not_priced", run_id=self._run.public_id, vendor=vendor, model=model)
            return Bill(NOTHING, usage.source)
        return bill

    def _suffices(self, output_tokens: int) -> bool:
        """Whether what was reserved is enough to begin with: a short preset must not cost a round trip."""
        needed = self._estimate(output_tokens // 2)
        return needed is not None and needed <= self._reserved

    def _estimate(self, output_tokens: int, kind: UnitKind = UnitKind.OUTPUT) -> Decimal | None:
        """Of all calls so far: the answers are taken to be the last one's."""
        found = self._of_call(output_tokens, kind)
        if found is None:
            return None
        found += self._spent
        if self._prompts_sent == 1:
            return found
        return found + (self._of_call(0) or NOTHING) * (self._prompts_sent - 1)

    def _of_call(self, output_tokens: int, kind: UnitKind = UnitKind.OUTPUT) -> Decimal | None:
        found = reservations.estimates(
            [self._prices],
            input_tokens=self._prompt_tokens,
            output_tokens=output_tokens,
            output_kind=kind,
            markup_percent=self._terms.markup_percent or NOTHING,
        )
        return found[0] if found else None

    def _extend(self, wanted: Decimal, *, least: Decimal) -> Decimal:
        """What is reserved now. That the run is another attempt's by now shows in its log (`LiveLog.is_fenced`)."""
        run = self._run
        if run.is_dry:
            # As much as there is.
            self._reserved = max(self._reserved, min(wanted, self._terms.funds or NOTHING))
        elif wanted > self._reserved:
            raised = ledger.extend(
                account_id=run.account_id, run_id=run.pk, attempt=run.attempt, wanted=wanted, least=least
            )
            self._reserved = wanted if raised is None else raised
        return self._reserved

    def _note_reserved(self) -> None:
        """How long an answer it suffices for; without a balance, how long a one the caller allows."""
        available = self._reserved if self._terms.pays else self._terms.max_cost or NOTHING
        self._rates = self._rates_of(UnitKind.OUTPUT)
        self._suffices_for = reservations.affordable(available, self._rates) * reservations.BYTES_PER_TOKEN

    def _rates_of(self, kind: UnitKind) -> Rates:
        question, with_slice = self._estimate(0) or NOTHING, self._estimate(reservations.SLICE_TOKENS, kind) or NOTHING
        return question, with_slice - question


def _first_tokens(request: Request) -> int:
    return reservations.output_tokens(request.options, has_answer=not isinstance(request, EmbeddingRequest))
