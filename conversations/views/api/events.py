"""`/api/v1/events`: what happened, the oldest first, for whoever missed a webhook."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import resources
from conversations.queries.webhooks import events as event_queries
from conversations.views.api import parameters
from conversations.views.api.parameters import ApiView
from conversations.views.http import threadpool
from conversations.views.http.base import json_response
from conversations.webhooks.payloads import EventType


class EventListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        limit = parameters.limit(request)
        found = await threadpool.call(
            event_queries.page,
            account_id=caller.account_id,
            after=request.GET.get("after"),
            conversation_id=request.GET.get("conversation"),
            event_type=parameters.choice(request, "type", [*EventType]),
            limit=limit,
        )
        shown = found[:limit]
        following = parameters.next_url(request, after=shown[-1].public_id) if len(found) > limit else None
        return json_response({"results": [resources.event(event) for event in shown], "next": following})
