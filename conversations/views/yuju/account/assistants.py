"""`GET /v1/openapi/aibot-list` (docs/contract D.8.1): the account's assistants, from which a client fills `ibotID`."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import errors
from conversations.models import AssistantVersion
from conversations.queries.assistants import assistants, configs
from conversations.resources.fields import MethodField
from conversations.services.assistants import defaults
from conversations.values.assistants import AssistantConfig, AssistantKind
from conversations.views.http import threadpool
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import MomentField

# An account has two hundred, unless its quota was raised.
MOST = 1_000


class YujuAssistantSerializer(serializers.Serializer[AssistantVersion]):
    """`type` says what of a question means anything to it. The default one answers who names none."""

    ibotID = serializers.CharField(source="assistant.public_id")  # noqa: N815 — the wire's
    name = serializers.CharField()
    type = serializers.ChoiceField([kind.value for kind in AssistantKind], source="kind")
    model = MethodField(serializers.CharField())
    greeting = serializers.CharField()
    has_context = serializers.BooleanField()
    is_default = serializers.BooleanField(source="assistant.is_default")
    create_time = MomentField(source="assistant.created_at")

    def get_model(self, version: AssistantVersion) -> str:
        return version.model or settings.DEFAULT_MODEL


ASSISTANTS: serializers.ListSerializer[Any] = serializers.ListSerializer(child=YujuAssistantSerializer())


class AssistantListView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        return succeed(await threadpool.call(_listed, account_id=caller.account_id))


def _listed(*, account_id: int) -> list[dict[str, Any]]:
    """With the default one, which is made on first need: a client that shows a list has something to choose."""
    defaults.default_of(account_id=account_id)
    page = assistants.page(account_id=account_id, cursor=None, limit=MOST)
    return list(ASSISTANTS.to_representation(page.rows))


def named(*, account_id: int, assistant_id: str, param: str) -> AssistantConfig:
    """Raises InvalidRequest about `param` when the account has no such assistant (docs/contract D.2)."""
    try:
        return configs.load(account_id=account_id, assistant_id=assistant_id)
    except errors.NotFound as exc:
        raise errors.InvalidRequest(f"{param}: {exc.message}", param=param) from exc
