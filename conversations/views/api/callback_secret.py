"""`/api/v1/callback_secret`: what the account's callbacks are signed with."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.queries import resources
from conversations.services import signing_secrets
from conversations.views import blocking, limits
from conversations.views.api.parameters import ApiDoor
from conversations.views.doors import json_response


class CallbackSecretView(ApiDoor):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        return json_response(await blocking.call(_shown, account_id=caller.account_id))


class CallbackSecretRotateView(ApiDoor):
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=limits.DEAR)
        await blocking.call(signing_secrets.rotate, account_id=caller.account_id, endpoint_id=None)
        return json_response(await blocking.call(_shown, account_id=caller.account_id))


def _shown(*, account_id: int) -> dict[str, Any]:
    ends_at = signing_secrets.previous_until(account_id=account_id, endpoint_id=None)
    return resources.callback_secret(signing_secrets.callback_secret(account_id=account_id), previous_until=ends_at)
