"""`POST /v1/openapi/send-to-user` (docs/contract D.8): a message to a visitor, in an assistant's name."""

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import errors, ids
from conversations.dialects.yuju import NAME
from conversations.dialects.yuju.chat.turn import VISITOR_ID
from conversations.dialects.yuju.contacts import wire_ids
from conversations.services import visitor_messages
from conversations.services.visitor_messages import NewMessage, SentMessage
from conversations.values import msg_keys
from conversations.values.assistants import AssistantUsed
from conversations.values.callers import Caller
from conversations.values.requests import NewRun
from conversations.views.bodies import request_body
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool
from conversations.views.http.thread_shares import Share
from conversations.views.runs import assistants, preconditions
from conversations.views.runs.headers import CONVERSATION_ID, REPLAYED, RUN_ID
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import IdField

ID_MAX_CHARS, CONTENT_MAX_CHARS = 128, 20_000


class MessageSerializer(serializers.Serializer[Any]):
    user_id = IdField(most=ID_MAX_CHARS, help_text="A contact's id, or your own of it: the `visitorId` of a chat.")
    bot_id = IdField(most=ID_MAX_CHARS, required=False, allow_null=True, help_text="Left out: the default assistant.")
    content = TextField(most=CONTENT_MAX_CHARS)


MESSAGE = MessageSerializer()


class SendToUserView(YujuView):
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        fields = await request_body.read_fields(request, MESSAGE, caller=caller, chars=CONTENT_MAX_CHARS)
        await self.admit_again(request)
        under = preconditions.read(request, body=fields)
        if not fields["content"].strip():
            raise errors.InvalidRequest("content is required", param="content")
        user_id = fields["user_id"]
        visitor = wire_ids.public(user_id)
        message = NewMessage(
            visitor=visitor,
            # Only the customer's own id is a `visitorId`.
            reply={VISITOR_ID: user_id} if visitor == user_id else {},
            assistant=await self._assistant(fields.get("bot_id"), caller),
            text=fields["content"],
            dialect=NAME,
        )
        run = NewRun(ids.new_run_id(), channel="", trace_id=self.trace_id, context_window=0, is_streamed=False)
        # As one that is accepted: it may wait for the conversation.
        send = partial(visitor_messages.send, message, under, caller=caller, run=run)
        sent = await threadpool.call_in_share(Share(caller.account_id, message.visitor), send)
        self.response_headers |= _headers(sent)
        return succeed(_shown(sent))

    async def _assistant(self, bot_id: str | None, caller: Caller) -> AssistantUsed:
        try:
            config = await assistants.config_of(caller, (bot_id or "").strip() or None)
        except errors.NotFound as exc:
            raise errors.InvalidRequest("bot_id: there is no such assistant", param="bot_id") from exc
        return AssistantUsed(config.pk, config.public_id, config.version)


def _headers(sent: SentMessage) -> dict[str, str]:
    found = {RUN_ID: sent.run_id, CONVERSATION_ID: sent.conversation_id}
    return found if sent.is_new else {**found, REPLAYED: "true"}


def _shown(sent: SentMessage) -> dict[str, Any]:
    return {
        "ActionStatus": "OK",
        "ErrorCode": 0,
        "ErrorInfo": "",
        "MsgKey": msg_keys.of_run(sent.run_id),
        "MsgTime": int(sent.at.timestamp()),
    }
