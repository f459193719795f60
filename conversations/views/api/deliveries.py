"""`/api/v1/deliveries`: what was sent where, every attempt of it, and once more when asked."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import resources
from conversations.models import Delivery
from conversations.queries.webhooks import deliveries as delivery_queries
from conversations.queries.webhooks.deliveries import DeliveryFilter
from conversations.services.webhooks import deliveries
from conversations.views.api import parameters
from conversations.views.api.parameters import ApiView
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response
from conversations.webhooks.payloads import EventType

STATUSES: tuple[str, ...] = tuple(Delivery.Status.values)


class DeliveryListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        limit = parameters.limit(request)
        found = await threadpool.call(
            delivery_queries.page,
            account_id=caller.account_id,
            wanted=_wanted(request),
            before=request.GET.get("cursor"),
            limit=limit,
        )
        shown = found[:limit]
        following = parameters.next_url(request, cursor=shown[-1].public_id) if len(found) > limit else None
        return json_response({"results": [resources.delivery(one) for one in shown], "next": following})


class DeliveryView(ApiView):
    async def get(self, request: HttpRequest, delivery_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        delivery = await threadpool.call(
            delivery_queries.for_account, account_id=caller.account_id, delivery_id=delivery_id
        )
        return json_response(resources.delivery(delivery))


class DeliveryReplayView(ApiView):
    async def post(self, request: HttpRequest, delivery_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        delivery = await threadpool.call(deliveries.replay, account_id=caller.account_id, delivery_id=delivery_id)
        return json_response(resources.delivery(delivery))


def _wanted(request: HttpRequest) -> DeliveryFilter:
    return DeliveryFilter(
        endpoint_id=request.GET.get("endpoint"),
        run_id=request.GET.get("run"),
        event_type=parameters.choice(request, "event_type", [*EventType]),
        status=parameters.choice(request, "status", STATUSES),
        since=parameters.moment(request, "since"),
        until=parameters.moment(request, "until"),
    )
