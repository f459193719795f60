"""`/api/v1/assistants/{id}/versions`: what an assistant was before."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.queries.assistants import assistants as assistant_queries
from conversations.resources.assistants import ASSISTANT_PAGE
from conversations.views.api.assistants.assistants import VERSION_MAX
from conversations.views.api.base import ApiView
from conversations.views.api.pages import PageParameters, page_response
from conversations.views.bodies import parameters
from conversations.views.bodies.parameters import WholeNumberField
from conversations.views.http import threadpool


class VersionPageParameters(PageParameters):
    before = WholeNumberField(
        least=1, most=VERSION_MAX, required=False, help_text="Where the page before ended: part of its `next`."
    )


LIST: serializers.Serializer[Any] = VersionPageParameters()


class AssistantVersionListView(ApiView):
    async def get(self, request: HttpRequest, assistant_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            assistant_queries.versions_page,
            account_id=caller.account_id,
            assistant_id=assistant_id,
            before=wanted.get("before"),
            limit=wanted["limit"],
        )
        return page_response(request, page, serializer=ASSISTANT_PAGE, cursor="before")
