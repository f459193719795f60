"""`/api/v1/erasures`: how far the erasing of deleted conversations and visitors is."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import resources
from conversations.queries import erasures as erasure_queries
from conversations.resources.erasures import ERASURE_PAGE
from conversations.views.api.base import ApiView
from conversations.views.api.pages import CursorParameters, page_response
from conversations.views.bodies import parameters
from conversations.views.http import threadpool
from conversations.views.http.base import json_response

LIST = CursorParameters()


class ErasureListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            erasure_queries.page, account_id=caller.account_id, cursor=wanted.get("cursor"), limit=wanted["limit"]
        )
        return page_response(request, page, serializer=ERASURE_PAGE)


class ErasureDetailView(ApiView):
    async def get(self, request: HttpRequest, erasure_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        erasure = await threadpool.call(
            erasure_queries.for_account, account_id=caller.account_id, erasure_id=erasure_id
        )
        return json_response(resources.erasure(erasure))
