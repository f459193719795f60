"""`/api/v1/webhook_endpoints`: the URLs that an account's events are sent to."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import resources
from conversations.models import WebhookEndpoint
from conversations.queries.webhooks import endpoints as endpoint_queries
from conversations.resources.webhooks.endpoints import DELETED_ENDPOINT, ENDPOINT_PAGE, with_secret
from conversations.services.webhooks import endpoints as webhook_endpoints
from conversations.services.webhooks.endpoints import EndpointChange
from conversations.views.api.base import ApiView
from conversations.views.bodies import request_body
from conversations.views.bodies.fields import ListField, StrictFlagField, TextField
from conversations.views.http import customer_urls, rate_limits, threadpool
from conversations.views.http.base import json_response

# More than there are types of events. The service checks that each is known and named once.
EVENTS_MAX = 64


class EndpointCreateSerializer(serializers.Serializer[Any]):
    url = TextField()
    events = ListField(child=TextField(), most=EVENTS_MAX)
    description = TextField(required=False, allow_null=True)


class EndpointChangeSerializer(serializers.Serializer[Any]):
    url = TextField(required=False, allow_null=True)
    events = ListField(child=TextField(), most=EVENTS_MAX, required=False, allow_null=True)
    description = TextField(required=False, allow_null=True)
    enabled = StrictFlagField(required=False, allow_null=True)


CREATE, CHANGE = EndpointCreateSerializer(), EndpointChangeSerializer()


class EndpointListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        results = await threadpool.call(_all, account_id=caller.account_id)
        return json_response(ENDPOINT_PAGE.to_representation({"results": results, "next": None}))

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        fields = await request_body.read_fields(request, CREATE, caller=caller)
        await self.admit_again(request)
        endpoint, secret = await threadpool.call(
            webhook_endpoints.create,
            account_id=caller.account_id,
            url=await customer_urls.checked(fields["url"], param="url", account_id=caller.account_id),
            event_types=fields["events"],
            description=fields.get("description", ""),
        )
        return json_response(with_secret(endpoint, secret), status=201)


class EndpointDetailView(ApiView):
    async def get(self, request: HttpRequest, endpoint_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        endpoint = await threadpool.call(
            endpoint_queries.for_account, account_id=caller.account_id, endpoint_id=endpoint_id
        )
        return json_response(resources.endpoint(endpoint))

    async def patch(self, request: HttpRequest, endpoint_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        fields = await request_body.read_fields(request, CHANGE, caller=caller)
        await self.admit_again(request)
        url = fields.get("url")
        if url is not None:
            url = await customer_urls.checked(url, param="url", account_id=caller.account_id)
        endpoint = await threadpool.call(
            webhook_endpoints.change,
            account_id=caller.account_id,
            endpoint_id=endpoint_id,
            change=EndpointChange(
                url=url,
                events=fields.get("events"),
                description=fields.get("description"),
                is_enabled=fields.get("enabled"),
            ),
        )
        return json_response(resources.endpoint(endpoint))

    async def delete(self, request: HttpRequest, endpoint_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        await threadpool.call(webhook_endpoints.delete, account_id=caller.account_id, endpoint_id=endpoint_id)
        return json_response(DELETED_ENDPOINT.to_representation({"id": endpoint_id}))


class EndpointRotateView(ApiView):
    async def post(self, request: HttpRequest, endpoint_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        endpoint, secret = await threadpool.call(
            webhook_endpoints.rotate_secret, account_id=caller.account_id, endpoint_id=endpoint_id
        )
        return json_response(with_secret(endpoint, secret))


def _all(*, account_id: int) -> list[WebhookEndpoint]:
    return list(endpoint_queries.of_account(account_id=account_id))
