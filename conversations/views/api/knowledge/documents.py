"""`/api/v1/knowledge/{id}/documents`: the documents of a knowledge base."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.models import Document
from conversations.queries.knowledge import documents as document_queries
from conversations.queries.knowledge import vectors
from conversations.resources import knowledge as resources
from conversations.services.knowledge import documents, removal
from conversations.views.api.base import ApiView
from conversations.views.api.knowledge import uploads
from conversations.views.api.pages import CursorParameters, page_response
from conversations.views.bodies import budget, new_documents, parameters
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response
from conversations.views.http.thread_shares import Share


class DocumentListParameters(CursorParameters):
    status = parameters.ChoiceField(Document.Status.values, required=False)


LIST = DocumentListParameters()


class DocumentListView(ApiView):
    async def get(self, request: HttpRequest, base_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            document_queries.page,
            account_id=caller.account_id,
            base_id=base_id,
            status=wanted.get("status"),
            cursor=wanted.get("cursor"),
            limit=wanted["limit"],
        )
        return page_response(request, page, serializer=resources.DOCUMENT_PAGE)

    async def post(self, request: HttpRequest, base_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        with budget.of_process().reserve(caller.account_id) as reservation:
            new = await uploads.read(request, caller=caller, reservation=reservation)
            await self.admit_again(request)
            document = await new_documents.add(caller.account_id, base_id, new)
        return json_response(resources.document(document), status=202)


class DocumentDetailView(ApiView):
    async def get(self, request: HttpRequest, base_id: str, document_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        shown = await threadpool.call(_shown, account_id=caller.account_id, base_id=base_id, document_id=document_id)
        return json_response(shown)

    async def delete(self, request: HttpRequest, base_id: str, document_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        await threadpool.call_in_share(
            Share(caller.account_id, ""),
            removal.delete,
            account_id=caller.account_id,
            base_id=base_id,
            document_id=document_id,
        )
        return json_response(resources.DELETED_DOCUMENT.to_representation({"id": document_id}))


class DocumentRetryView(ApiView):
    async def post(self, request: HttpRequest, base_id: str, document_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        document = await threadpool.call(
            documents.retry, account_id=caller.account_id, base_id=base_id, document_id=document_id
        )
        return json_response(resources.document(document), status=202)


def _shown(*, account_id: int, base_id: str, document_id: str) -> dict[str, Any]:
    document = document_queries.for_account(account_id=account_id, base_id=base_id, document_id=document_id)
    is_ready = document.status == Document.Status.READY
    return resources.document_with_vectors(document, vectors.of_document(document) if is_ready else None)
