"""`GET /v1/openapi/chat_models` (docs/contract D.8.1): the models that `chatMode` may name."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import routing
from conversations.values.assistants import AssistantKind
from conversations.values.requests import Operation
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool
from conversations.views.yuju.account import assistants
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import ID_MAX_CHARS

IBOT_ID = "ibotID"


class ChatModelParameters(serializers.Serializer[Any]):
    ibotID = TextField(  # noqa: N815 — the wire's
        most=ID_MAX_CHARS, required=False, help_text="An assistant: `chatMode` means something to dialogue ones alone."
    )


class YujuChatModelSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """DRF's own fields have a `label`."""
        return {**super().get_fields(), "label": serializers.CharField()}


PARAMETERS = ChatModelParameters()


class ChatModelListView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(PARAMETERS, request.GET.dict())
        if assistant_id := wanted.get(IBOT_ID):
            assistant = await threadpool.call(
                assistants.named, account_id=caller.account_id, assistant_id=assistant_id, param=IBOT_ID
            )
            if assistant.kind is not AssistantKind.DIALOGUE:
                return succeed([])
        entries = routing.configured_entries(caller.models, operation=Operation.CHAT)
        return succeed([{"key": entry.name, "label": entry.name} for entry in entries])
