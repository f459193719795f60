"""`/api/v1/conversations`: listed, shown, renamed, archived and deleted. Client tokens delete none."""

import re
from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from rest_framework import serializers

from conversations import errors, resources
from conversations.models import Conversation, Erasure
from conversations.models.conversations.conversations import TITLE_MAX_CHARS
from conversations.queries import erasures as erasure_queries
from conversations.queries.conversations import listed, pages
from conversations.queries.conversations.listed import Listed
from conversations.queries.keyset import Page
from conversations.resources import conversations as shown
from conversations.rules import texts
from conversations.rules.client_tokens import claims, rights
from conversations.services import conversations
from conversations.services.conversations import ConversationChange
from conversations.services.erasures import begin
from conversations.values.callers import Caller
from conversations.views.api.base import ApiView
from conversations.views.api.conversations import reach
from conversations.views.api.pages import CursorParameters, written_page_response
from conversations.views.bodies import parameters, request_body
from conversations.views.bodies.fields import FlagField, TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import PRIVATE, json_response
from conversations.views.http.thread_shares import Share
from providers import untrusted

# It looks into two messages of each conversation.
LIST_AMOUNT = 5
ETAG = re.compile(r'"([0-9]{1,9})"')
IF_MATCH = "If-Match"


class ConversationListParameters(CursorParameters):
    visitor = TextField(required=False, help_text="Only those of this visitor: its id here, `vis_…`.")
    assistant = TextField(required=False, help_text="Only those with this assistant.")
    archived = parameters.ChoiceField(["true", "false"], default="false", help_text="Whether the archived ones.")


class ConversationChangeSerializer(serializers.Serializer[Any]):
    """What is null stays as it is."""

    title = TextField(
        most=TITLE_MAX_CHARS,
        required=False,
        allow_null=True,
        help_text="Empty: the first words of its first question.",
    )
    archived = FlagField(required=False, allow_null=True)


LIST, CHANGE = ConversationListParameters(), ConversationChangeSerializer()


class ConversationListView(ApiView):
    client_scope: ClassVar[str | None] = claims.CONVERSATIONS

    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=LIST_AMOUNT)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call_in_share(Share(caller.account_id, ""), partial(_page, caller, wanted))
        return written_page_response(request, page)


class ConversationDetailView(ApiView):
    """Its ETag changes when it is renamed or archived, not with each of its turns."""

    client_scope: ClassVar[str | None] = claims.CONVERSATIONS

    async def get(self, request: HttpRequest, conversation_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        return _response(caller, await threadpool.call(_one, caller, conversation_id))

    async def patch(self, request: HttpRequest, conversation_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        given = await request_body.read_fields(request, CHANGE, caller=caller)
        await self.admit_again(request)
        change = partial(_change, caller, conversation_id, _read(given), versions=_versions(request))
        share = Share(caller.account_id, conversation_id)
        return _response(caller, await threadpool.call_in_share(share, change))

    async def delete(self, request: HttpRequest, conversation_id: str) -> HttpResponseBase:
        """Deleting it again is answered as the first time."""
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        if caller.visitor:
            rights.check_scope(caller, None)
        share = Share(caller.account_id, conversation_id)
        erasure = await threadpool.call_in_share(share, _delete, caller=caller, conversation_id=conversation_id)
        if erasure is not None and erasure.finished_at is None:
            return json_response(resources.erasure(erasure), status=202)
        return HttpResponse(status=204, headers=PRIVATE)


def _response(caller: Caller, found: Listed) -> HttpResponse:
    response = json_response(shown.listed(found, to_token=bool(caller.visitor)))
    response["ETag"] = f'"{found.conversation.version}"'
    return response


def _page(caller: Caller, wanted: dict[str, Any]) -> Page[Any]:
    """Raises InvalidRequest and OutOfScope."""
    cursor, limit = wanted.get("cursor"), wanted["limit"]
    reached = reach.many(
        caller,
        visitor=wanted.get("visitor"),
        assistant=wanted.get("assistant"),
        is_archived=wanted["archived"] == "true",
    )
    found = pages.page(reached, cursor=cursor, limit=limit)
    return Page([shown.listed(one, to_token=bool(caller.visitor)) for one in found.rows], found.next_cursor)


def _one(caller: Caller, conversation_id: str) -> Listed:
    """Raises NotFound."""
    return listed.of_key(reach.one(caller, conversation_id), account_id=caller.account_id)


def _change(
    caller: Caller, conversation_id: str, change: ConversationChange, *, versions: tuple[int, ...] | None
) -> Listed:
    """Raises NotFound and PreconditionFailed."""
    key = reach.one(caller, conversation_id)
    conversations.change(account_id=caller.account_id, key=key, change=change, versions=versions)
    return listed.of_key(key, account_id=caller.account_id)


def _read(given: dict[str, Any]) -> ConversationChange:
    """Raises InvalidRequest for what cannot be stored."""
    title = given.get("title")
    if title is not None:
        title = untrusted.one_line(texts.storable(title, param="title"))
    return ConversationChange(title, given.get("archived"))


def _versions(request: HttpRequest) -> tuple[int, ...] | None:
    """Those that If-Match names; None where there may be any. A weak one never matches (RFC 9110, 13.1.1)."""
    given = request.headers.get(IF_MATCH)
    tags = ["*"] if given is None else parse_etags(given)
    return None if tags == ["*"] else tuple(int(tag[1]) for one in tags if (tag := ETAG.fullmatch(one)))


def _delete(*, caller: Caller, conversation_id: str) -> Erasure | None:
    """None when nothing is left of it. Raises NotFound and ConversationBusy."""
    own = Conversation.objects.for_account(caller.account_id).filter(public_id=conversation_id)
    key = own.values_list("pk", flat=True).first()
    if key is None:
        raise errors.NotFound("conversation not found")
    requested_by = f"API key {caller.api_key_id}"
    erasure = begin.delete_conversation(conversation_id=key, requested_by=requested_by)
    return erasure or erasure_queries.of_conversation(account_id=caller.account_id, conversation_key=key)
