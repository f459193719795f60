"""`/api/v1/events`: what happened, the oldest first, for owners who missed a webhook."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.queries.webhooks import events as event_queries
from conversations.resources.webhooks.events import EVENT_PAGE, EVENT_TYPES
from conversations.views.api.base import ApiView
from conversations.views.api.pages import PageParameters, page_response
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool


class EventListParameters(PageParameters):
    type = parameters.ChoiceField(EVENT_TYPES, required=False)
    after = TextField(required=False, help_text="An event's id; or, with `conversation`, its sequence.")
    conversation = TextField(required=False, help_text="Only those of this conversation.")


LIST = EventListParameters()


class EventListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted: dict[str, Any] = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            event_queries.page,
            account_id=caller.account_id,
            after=wanted.get("after"),
            conversation_id=wanted.get("conversation"),
            event_type=wanted.get("type"),
            limit=wanted["limit"],
        )
        return page_response(request, page, serializer=EVENT_PAGE, cursor="after")
