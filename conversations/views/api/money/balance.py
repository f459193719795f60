"""`/api/v1/balance`: what the account has left."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.queries.money import balances
from conversations.resources.money import BALANCE
from conversations.views.api.base import ApiView
from conversations.views.http import threadpool
from conversations.views.http.base import json_response


class BalanceView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        state = await threadpool.call(balances.of_account, account_id=caller.account_id)
        return json_response(BALANCE.to_representation(state))
