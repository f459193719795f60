"""`/api/v1/conversations/{id}/messages`: what was said in a conversation, on all branches."""

from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.queries.conversations import messages
from conversations.queries.conversations.messages import Between
from conversations.queries.keyset import Page
from conversations.resources import messages as shown
from conversations.rules.client_tokens import claims
from conversations.values.callers import Caller
from conversations.views.api.base import ApiView
from conversations.views.api.conversations import reach
from conversations.views.api.pages import PageParameters, written_page_response
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool
from conversations.views.http.thread_shares import Share

# A page may have four megabytes.
AMOUNT = 2
NEWEST_FIRST, OLDEST_FIRST = "desc", "asc"


class MessageListParameters(PageParameters):
    order = parameters.ChoiceField(
        [NEWEST_FIRST, OLDEST_FIRST], default=NEWEST_FIRST, help_text="`desc` is the newest first."
    )
    before = TextField(required=False, help_text="Only messages older than the one with this id.")
    after = TextField(required=False, help_text="Only messages newer than the one with this id.")


LIST = MessageListParameters()


class MessageListView(ApiView):
    client_scope: ClassVar[str | None] = claims.CONVERSATIONS

    async def get(self, request: HttpRequest, conversation_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=AMOUNT)
        wanted = parameters.read(LIST, request.GET.dict())
        share = Share(caller.account_id, conversation_id)
        page = await threadpool.call_in_share(share, partial(_page, caller, conversation_id, wanted))
        cursor = "after" if wanted["order"] == OLDEST_FIRST else "before"
        return written_page_response(request, page, cursor=cursor)


def _page(caller: Caller, conversation_id: str, wanted: dict[str, Any]) -> Page[Any]:
    """Raises NotFound and InvalidRequest."""
    key = reach.one(caller, conversation_id)
    between = Between(wanted.get("before"), wanted.get("after"), oldest_first=wanted["order"] == OLDEST_FIRST)
    found = messages.page(conversation=key, between=between, limit=wanted["limit"], said_alone=bool(caller.visitor))
    rows = [shown.message(one, to_token=bool(caller.visitor)) for one in found.rows]
    return Page(rows, found.next_cursor)
