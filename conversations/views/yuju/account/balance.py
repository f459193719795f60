"""`GET /v1/openapi/balance` (docs/contract D.8.1): what the account has left."""

from decimal import Decimal

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.queries.money import balances
from conversations.resources.fields import MethodField
from conversations.values.money import BalanceState
from conversations.views.http import threadpool
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import AmountField


class YujuBalanceSerializer(serializers.Serializer[BalanceState]):
    """`balance` is what can be used now: without what is reserved for questions that are being answered.

    It is null for an account that pays no money, and `calls_left` for one whose calls are not counted.
    """

    balance = MethodField(AmountField(allow_null=True))
    reserved = AmountField()
    currency = MethodField(serializers.CharField())
    calls_left = serializers.IntegerField(allow_null=True)

    def get_balance(self, state: BalanceState) -> Decimal | None:
        return state.available if state.is_metered else None

    def get_currency(self, _state: BalanceState) -> str:
        return str(settings.CURRENCY)


BALANCE = YujuBalanceSerializer()


class BalanceView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        state = await threadpool.call(balances.of_account, account_id=caller.account_id)
        return succeed(BALANCE.to_representation(state))
