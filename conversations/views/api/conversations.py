"""`/api/v1/conversations/{id}`: deleting one."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from conversations import errors, resources
from conversations.models import Conversation, Erasure
from conversations.queries import erasures as erasure_queries
from conversations.services.erasures import begin
from conversations.values.callers import Caller
from conversations.views.api.base import ApiView
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import PRIVATE, json_response
from conversations.views.http.thread_shares import Share


class ConversationDetailView(ApiView):
    async def delete(self, request: HttpRequest, conversation_id: str) -> HttpResponseBase:
        """Deleting it again is answered as the first time."""
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        share = Share(caller.account_id, conversation_id)
        erasure = await threadpool.call_in_share(share, _delete, caller=caller, conversation_id=conversation_id)
        if erasure is not None and erasure.finished_at is None:
            return json_response(resources.erasure(erasure), status=202)
        return HttpResponse(status=204, headers=PRIVATE)


def _delete(*, caller: Caller, conversation_id: str) -> Erasure | None:
    """None when nothing is left of it. Raises NotFound and ConversationBusy."""
    own = Conversation.objects.for_account(caller.account_id).filter(public_id=conversation_id)
    key = own.values_list("pk", flat=True).first()
    if key is None:
        raise errors.NotFound("conversation not found")
    requested_by = f"API key {caller.api_key_id}"
    erasure = begin.delete_conversation(conversation_id=key, requested_by=requested_by)
    return erasure or erasure_queries.of_conversation(account_id=caller.account_id, conversation_key=key)
