"""`/api/v1/deliveries`: what was sent where with every attempt; a replay sends it again."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import resources
from conversations.models import Delivery
from conversations.queries.webhooks import deliveries as delivery_queries
from conversations.queries.webhooks.deliveries import DeliveryFilter
from conversations.resources.webhooks.deliveries import DELIVERY_PAGE
from conversations.resources.webhooks.events import EVENT_TYPES
from conversations.services.webhooks import deliveries
from conversations.views.api.base import ApiView
from conversations.views.api.pages import CursorParameters, page_response
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response


class DeliveryListParameters(CursorParameters):
    event_type = parameters.ChoiceField(EVENT_TYPES, required=False)
    status = parameters.ChoiceField(Delivery.Status.values, required=False)
    since = parameters.TimeField(required=False, help_text="Made at this time or later.")
    until = parameters.TimeField(required=False, help_text="Made before this time.")
    endpoint = TextField(required=False)
    run = TextField(required=False)


LIST = DeliveryListParameters()


class DeliveryListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        filters = DeliveryFilter(
            endpoint_id=wanted.get("endpoint"),
            run_id=wanted.get("run"),
            event_type=wanted.get("event_type"),
            status=wanted.get("status"),
            since=wanted.get("since"),
            until=wanted.get("until"),
        )
        page = await threadpool.call(
            delivery_queries.page,
            account_id=caller.account_id,
            filters=filters,
            cursor=wanted.get("cursor"),
            limit=wanted["limit"],
        )
        return page_response(request, page, serializer=DELIVERY_PAGE)


class DeliveryDetailView(ApiView):
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
