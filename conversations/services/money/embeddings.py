"""Vectors that a vendor makes for knowledge bases outside of runs: counted as usage, and charged to accounts that pay.

What a call cost is written in the transaction that keeps what it brought. So a worker that dies between the two charges
nothing and keeps nothing, and the same vectors are never charged twice. At most one batch is lost to the operator.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil

import orjson
from django.db import transaction

from conversations import errors
from conversations.models import Account
from conversations.queries.money import embedding_prices
from conversations.rules.money import explanations, usage_lines
from conversations.rules.money.cost import Cost
from conversations.rules.prices.beside import PricedBeside
from conversations.services.money import usage
from conversations.stores import statements
from conversations.values.usage import Sums, UsageLine
from providers.messages import UsedBeside

# The balance is locked before the entry gets its id (ADR 50). It is never below what is reserved: the rest of a cost is
# written off. No row for an account that does not pay.
CHARGE = """
WITH wallet AS (
  SELECT b.amount, b.reserved, LEAST(%(cost)s::numeric, b.amount - b.reserved) AS paid
  FROM conversations_balance b WHERE b.account_id = %(account_id)s AND b.amount IS NOT NULL
  FOR NO KEY UPDATE
), settled AS (
  UPDATE conversations_balance b SET amount = wallet.amount - wallet.paid, reserved = wallet.reserved
  FROM wallet WHERE b.account_id = %(account_id)s
), entry AS (
  INSERT INTO conversations_ledgerentry (account_id, api_key_id, kind, amount, written_off, model, explanation,
                                         usage_source)
  SELECT %(account_id)s, %(api_key_id)s, 'embed', -wallet.paid, %(cost)s::numeric - wallet.paid, %(model)s,
         %(explanation)s, %(usage_source)s
  FROM wallet
)
SELECT paid, %(cost)s::numeric - paid AS written_off FROM wallet
"""
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Payer:
    """An account as it is now. `available`: what its balance has beside what is reserved; None: it pays nothing."""

    account_id: int
    markup_percent: Decimal
    available: Decimal | None = None

    @property
    def pays(self) -> bool:
        return self.available is not None

    def check(self, embedding: str, texts: Sequence[str]) -> None:
        """Before a vendor is asked.

        Raises BalanceUsedUp or ModelNotPriced for what the account cannot pay; ServiceUnavailable when prices cannot be
        read, and the errors of a model that is not there.
        """
        if self.available is None:
            return
        if embedding_prices.estimate(embedding, texts, markup_percent=self.markup_percent) > self.available:
            raise errors.BalanceUsedUp


@dataclass(frozen=True, slots=True)
class Call:
    """One that a vendor has answered. `embedding` is the model's name as the base has it."""

    embedding: str
    priced: PricedBeside
    is_estimated: bool
    api_key_id: int | None = None

    @classmethod
    def of(cls, embedding: str, used: UsedBeside, *, is_estimated: bool, api_key_id: int | None = None) -> "Call":
        """At the prices of now. Raises ServiceUnavailable when they cannot be read: so not in a transaction."""
        return cls(embedding, embedding_prices.priced(used), is_estimated, api_key_id)

    def part(self, share: float) -> "Call":
        """Where only some of what it brought is kept."""
        used = self.priced.used
        part = replace(used, input_tokens=ceil(used.input_tokens * share))
        return replace(self, priced=replace(self.priced, used=part))


def payer_of(account_id: int) -> Payer:
    amounts = Account.objects.filter(pk=account_id).values_list(
        "markup_percent", "balance__amount", "balance__reserved"
    )
    markup_percent, amount, reserved = amounts.get()
    return Payer(account_id, markup_percent, None if amount is None else amount - reserved)


def record(calls: Sequence[Call], *, payer: Payer) -> None:
    """In the transaction that keeps what they brought, as its last step. Of an erased account nothing is written.

    The rows of the day are locked in one order, and before the balance, for which the account's turns wait.
    """
    with transaction.atomic():
        if not calls or not Account.objects.filter(pk=payer.account_id, erased_at=None).exists():
            return
        calls = sorted(calls, key=lambda call: (call.priced.used.vendor, call.priced.used.model))
        costs = [embedding_prices.cost_of(call.priced, markup_percent=payer.markup_percent) for call in calls]
        for call, cost in zip(calls, costs, strict=True):
            price = cost.amount if cost else NOTHING
            usage.add([_line(call, payer, {**usage_lines.of_beside(call.priced), "price": price})])
        for call, cost in zip(calls, costs, strict=True):
            if cost is not None and cost.amount and (taken := _charge(call, payer, cost)):
                usage.add([_line(call, payer, {"cost": taken["paid"], "written_off": taken["written_off"]})])


def _charge(call: Call, payer: Payer, cost: Cost) -> dict[str, Decimal] | None:
    used = call.priced.used
    explanation = explanations.of(cost, vendor=used.vendor, model=used.model)
    about = {
        "account_id": payer.account_id,
        "api_key_id": call.api_key_id,
        "cost": cost.amount,
        "model": call.embedding,
        "explanation": orjson.dumps(explanation).decode(),
        "usage_source": usage_lines.ESTIMATED if call.is_estimated else "reported",
    }
    return statements.fetch_one_or_none(CHARGE, about)


def _line(call: Call, payer: Payer, sums: Sums) -> UsageLine:
    used = call.priced.used
    return UsageLine(
        account_id=payer.account_id,
        day=datetime.now(UTC).date(),
        model=call.embedding,
        api_key_key=call.api_key_id or 0,
        conversation_id=None,
        vendor=used.vendor,
        upstream_model=used.model,
        is_put_back=False,
        sums=sums,
    )
