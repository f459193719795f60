"""`GET /v1/openapi/exposed`, `/exposed/logs` and `/intentions` (docs/contract D.8): tools, their calls, intents."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.dialects.yuju import actions
from conversations.dialects.yuju.actions import LoggedCall
from conversations.models import Intent, ToolCall
from conversations.queries.assistants import intents
from conversations.queries.tools import actions as action_queries
from conversations.queries.tools import call_log
from conversations.queries.tools.call_log import CallPage
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.bodies.parameters import WholeNumberField
from conversations.views.http import rate_limits, threadpool
from conversations.views.yuju.base import YujuView, succeed

LIMIT_DEFAULT, LIMIT_MAX = 20, 100


class LogParameters(serializers.Serializer[Any]):
    limit = WholeNumberField(least=1, most=LIMIT_MAX, default=LIMIT_DEFAULT)
    cursor = TextField(required=False, help_text="`next` of the page before.")


LOG = LogParameters()


class ExposedView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        return succeed(await threadpool.call(_listed, account_id=caller.account_id))


class LogsView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        asked = parameters.read(LOG, request.GET.dict())
        page = await threadpool.call(
            call_log.page, account_id=caller.account_id, after=asked.get("cursor"), limit=asked["limit"]
        )
        return succeed(_page(page))


class IntentionsView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        return succeed(await threadpool.call(_intentions, account_id=caller.account_id))


def _listed(*, account_id: int) -> list[dict[str, Any]]:
    tools = action_queries.of_account(account_id=account_id)
    return [actions.listed(action_queries.action_id(tool), tool) for tool in tools]


def _page(page: CallPage) -> dict[str, Any]:
    return {
        "list": [actions.logged(call_log.place(call), _facts(call)) for call in page.calls],
        "next": page.next,
    }


def _facts(call: ToolCall) -> LoggedCall:
    return LoggedCall(
        action_id=action_queries.id_of(call.tool_id, call.remote_name),
        name=call.name,
        arguments=call.given,  # type: ignore[attr-defined]  # an annotation
        result=call.beginning,  # type: ignore[attr-defined]  # an annotation
        status=call.status,
        is_error=call.is_error,
        run_id=call.run.public_id,
        seconds=call.seconds,
        created_at=call.created_at,
    )


def _intentions(*, account_id: int) -> list[dict[str, str]]:
    found: list[Intent] = list(intents.of_account(account_id=account_id))
    return [{"id": intent.public_id, "name": intent.name} for intent in found]
