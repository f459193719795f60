"""`POST /v1/openapi/chat` (docs/contract D): one question to an assistant, answered as JSON or SSE."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, ClassVar
from urllib.parse import unquote

from django.http import HttpRequest
from rest_framework import serializers

from conversations import errors, ids
from conversations.dialects.dialect import Dialect
from conversations.dialects.yuju.chat import parse, turn
from conversations.dialects.yuju.chat.parse import Asked
from conversations.dialects.yuju.dialect import DIALECT
from conversations.queries.knowledge import bases
from conversations.rules import key_rights
from conversations.values.assistants import AssistantKind, Given
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.values.runs import Format
from conversations.views.http import threadpool
from conversations.views.runs import assistants
from conversations.views.runs.view import RunView
from conversations.views.yuju.base import YujuView
from conversations.views.yuju.serializers import YujuChatSerializer


class ChatView(YujuView, RunView):
    client_scope: ClassVar[str | None] = key_rights.YUJU
    dialect: ClassVar[Dialect] = DIALECT
    serializer: ClassVar[serializers.Serializer[Any]] = YujuChatSerializer()
    context_fields: ClassVar[Mapping[str, Given]] = {
        "knowledge": Given.KNOWLEDGE,
        "search": Given.SEARCH,
        "tools": Given.TOOLS,
        "intention": Given.INTENTS,
    }
    # Between the body and its assistant.
    asked: Asked

    def named_model(self, fields: Mapping[str, Any]) -> str:
        """Whether `chatMode` means anything is for the assistant to say."""
        return ""

    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        if key_in(fields.get("callback_url") or "", self.api_key(request) or ""):
            # It would be stored with the delivery, and sent to whoever is called back.
            raise errors.InvalidRequest("callback_url must not contain the API key.", param="callback_url")
        self.asked = parse.parse(fields)
        return turn.draft(self.asked)

    def given_context(self, fields: Mapping[str, Any]) -> Set[Given]:
        """An empty text is as good as none, as everywhere in this family. `turn.of` has merged the fallbacks."""
        return super().given_context({name: value for name, value in fields.items() if value != ""}) | {Given.FALLBACK}

    async def resolve(self, run_request: RunRequest, *, caller: Caller) -> RunRequest:
        """Raises InvalidRequest for an assistant or a knowledge base that the account does not have, and besides what
        the other families raise.
        """
        asked = turn.in_name_of(self.asked, run_request.visitor, caller)
        del self.asked
        try:
            config = await assistants.config_of(caller, asked.assistant or None)
        except errors.NotFound as exc:
            raise errors.InvalidRequest("ibotID names no assistant of this account.", param="ibotID") from exc
        if config.kind is not AssistantKind.DIALOGUE:
            await _check_bases(caller, asked.knowledge)
        made = turn.of(asked, config, new_id=ids.new_conversation_id())
        return self.with_assistant(made, config, caller=caller)

    def answer_format(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format:
        return Format.SSE if fields.get("stream") else Format.JSON


def key_in(url: str, key: str) -> bool:
    """Also where it is escaped."""
    return bool(key) and key in unquote(url)


async def _check_bases(caller: Caller, base_ids: Sequence[str]) -> None:
    """Here, because a worker would find it out when the turn is stored. Raises InvalidRequest."""
    for base_id in base_ids:
        try:
            await threadpool.call(bases.for_account, account_id=caller.account_id, base_id=base_id)
        except errors.NotFound as exc:
            raise errors.InvalidRequest(f"knowledge: {exc.message}", param="knowledge") from exc
