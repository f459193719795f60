"""`/api/v1/runs/{id}/cost`: what a run costs, and why."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.queries import runs as run_queries
from conversations.queries.money import costs
from conversations.resources.money import COST, OPERATOR_COST
from conversations.views.api.base import ApiView
from conversations.views.http import threadpool
from conversations.views.http.base import json_response


class RunCostView(ApiView):
    async def get(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        run = await threadpool.call(run_queries.for_account, account_id=caller.account_id, run_id=run_id)
        found = await threadpool.call(costs.of_run, run)
        # Which vendor answers, customers do not learn.
        serializer = OPERATOR_COST if caller.is_operator else COST
        return json_response(serializer.to_representation(found))
