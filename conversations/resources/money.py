"""Balances, costs and usage in `/api/v1`. Amounts are strings with decimals, in the installation's currency."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers

from conversations.resources.fields import ConstantField, MethodField
from conversations.rules.money import cost
from conversations.rules.money.explanations import BESIDE
from conversations.values.money import BalanceState, RunCost
from conversations.values.prices import OF_ANSWER, OF_PROMPT, UnitKind
from conversations.values.usage import UsageRow

Line = Mapping[str, Any]


class AmountField(serializers.CharField):
    """At most six decimals."""

    def to_representation(self, value: Decimal) -> str:  # type: ignore[override] # it is no text before
        return f"{cost.on_wire(value):f}"


class CurrencyField(serializers.CharField):
    def __init__(self) -> None:
        super().__init__(source="*")

    def to_representation(self, value: Any) -> str:
        return settings.CURRENCY


class BalanceSerializer(serializers.Serializer[BalanceState]):
    """What the account has left. `balance` includes what is `reserved` for runs that go on; `available` does not.

    All are "0" for an account that is not `metered`. `calls_left` is null for an account that may make any number.
    """

    object = ConstantField("balance")
    metered = serializers.BooleanField(source="is_metered")
    balance = AmountField()
    reserved = AmountField()
    available = AmountField()
    currency = CurrencyField()
    calls_left = serializers.IntegerField(allow_null=True)


class CostLineSerializer(serializers.Serializer[Line]):
    """`units` of one kind at a `price` for `per_units` of them. Without a price they are not charged for.

    `call` numbers the calls to the model; of more than 16 the lines are added up. `beside` is true for what is no call
    to the model: a search of the web, or the vector of a question.
    """

    call = MethodField(serializers.IntegerField(min_value=1))
    kind = serializers.ChoiceField([kind.value for kind in UnitKind])
    units = serializers.IntegerField(min_value=0)
    amount = serializers.CharField()
    price = MethodField(serializers.CharField(allow_null=True))
    beside = MethodField(serializers.BooleanField())
    per_units = MethodField(serializers.IntegerField(allow_null=True))
    price_id = MethodField(serializers.IntegerField(allow_null=True))
    from_input_tokens = MethodField(serializers.IntegerField(allow_null=True))
    valid_from = MethodField(serializers.DateTimeField(allow_null=True))

    def get_call(self, line: Line) -> int:
        return int(line.get("call", 1))

    def get_beside(self, line: Line) -> bool:
        return BESIDE in line

    def get_price(self, line: Line) -> Any:
        return line.get("price")

    def get_per_units(self, line: Line) -> Any:
        return line.get("per_units")

    def get_price_id(self, line: Line) -> Any:
        return line.get("price_id")

    def get_from_input_tokens(self, line: Line) -> Any:
        return line.get("from_input_tokens")

    def get_valid_from(self, line: Line) -> Any:
        return line.get("valid_from")


class CostSerializer(serializers.Serializer[RunCost]):
    """What a run costs. `cost` is what was taken from the balance: "0" for an account that is not `metered`.

    `price` is what the usage costs by the list, whoever pays: the sum of the `lines`, and `markup_percent` on top. It
    is null for a model without a price, and when nothing was used. `written_off` was more than was left.
    """

    object = ConstantField("cost")
    run = serializers.CharField(source="run_id")
    metered = serializers.BooleanField(source="is_metered")
    currency = CurrencyField()
    cost = AmountField()
    price = AmountField(allow_null=True)
    reserved = AmountField()
    refunded = AmountField()
    written_off = AmountField()
    usage_source = serializers.CharField(allow_null=True)
    markup_percent = MethodField(serializers.CharField(allow_null=True))
    lines = CostLineSerializer(many=True)

    def get_markup_percent(self, found: RunCost) -> Any:
        return found.explanation.get("markup_percent")


class OperatorCostSerializer(CostSerializer):
    """With the vendor and its name of the model."""

    vendor = MethodField(serializers.CharField(allow_null=True))
    upstream_model = MethodField(serializers.CharField(allow_null=True))

    def get_vendor(self, found: RunCost) -> Any:
        return found.explanation.get("vendor")

    def get_upstream_model(self, found: RunCost) -> Any:
        return found.explanation.get("model")


class TokensSerializer(serializers.Serializer[Any]):
    """The tokens of each kind. No token is of two kinds."""

    input = serializers.IntegerField(min_value=0, help_text="Of prompts, what was not cached.")
    cache_read = serializers.IntegerField(min_value=0)
    cache_write_5m = serializers.IntegerField(min_value=0)
    cache_write_1h = serializers.IntegerField(min_value=0)
    image_input = serializers.IntegerField(min_value=0)
    audio_input = serializers.IntegerField(min_value=0)
    output = serializers.IntegerField(min_value=0)
    reasoning = serializers.IntegerField(min_value=0)
    image_output = serializers.IntegerField(min_value=0)
    audio_output = serializers.IntegerField(min_value=0)


class UsageSumsSerializer(serializers.Serializer[UsageRow]):
    """What runs have used that ended on these days (UTC). What the sums are not grouped by is null.

    `cost` is what was taken from the balance, before refunds, and `price` what the usage costs by the list, whoever
    pays. `unpriced_runs` used something that has no price, `estimated_runs` something that the vendor did not report.
    """

    object = ConstantField("usage")
    day = serializers.DateField(allow_null=True)
    model = serializers.CharField(allow_null=True)
    key = serializers.CharField(allow_null=True, help_text="The key's id; also null for runs without one.")
    conversation = serializers.CharField(allow_null=True)
    runs = serializers.IntegerField(source="sums.runs", min_value=0)
    unpriced_runs = serializers.IntegerField(source="sums.unpriced_runs", min_value=0)
    estimated_runs = serializers.IntegerField(source="sums.estimated_runs", min_value=0)
    prompt_tokens = MethodField(serializers.IntegerField(min_value=0))
    completion_tokens = MethodField(serializers.IntegerField(min_value=0))
    total_tokens = MethodField(serializers.IntegerField(min_value=0))
    tokens = TokensSerializer(source="sums")
    searches = serializers.IntegerField(source="sums.search", min_value=0)
    cost = AmountField(source="sums.cost")
    price = AmountField(source="sums.price")
    written_off = AmountField(source="sums.written_off")
    currency = CurrencyField()

    def get_prompt_tokens(self, row: UsageRow) -> int:
        return sum(int(row.sums[kind.value]) for kind in OF_PROMPT)

    def get_completion_tokens(self, row: UsageRow) -> int:
        return sum(int(row.sums[kind.value]) for kind in OF_ANSWER)

    def get_total_tokens(self, row: UsageRow) -> int:
        return self.get_prompt_tokens(row) + self.get_completion_tokens(row)


class UsagePageSerializer(serializers.Serializer[Any]):
    """One page of usage; follow `next` until it is null. A page may have few rows, or none, although more follow."""

    results = UsageSumsSerializer(many=True)
    next = serializers.CharField(allow_null=True)


BALANCE = BalanceSerializer()
COST = CostSerializer()
OPERATOR_COST = OperatorCostSerializer()
USAGE_PAGE = UsagePageSerializer()
