"""`/api/v1/callback_secret`: what the account's callbacks are signed with."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.resources.webhooks.callback_secrets import CALLBACK_SECRET
from conversations.services.webhooks import secrets
from conversations.views.api.base import ApiView
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response


class CallbackSecretView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        return json_response(await threadpool.call(_shown, account_id=caller.account_id))


class CallbackSecretRotateView(ApiView):
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        await threadpool.call(secrets.rotate, account_id=caller.account_id, endpoint_id=None)
        return json_response(await threadpool.call(_shown, account_id=caller.account_id))


def _shown(*, account_id: int) -> dict[str, Any]:
    ends_at = secrets.previous_until(account_id=account_id, endpoint_id=None)
    secret = secrets.callback_secret(account_id=account_id)
    return dict(CALLBACK_SECRET.to_representation({"secret": secret, "previous_secret_expires_at": ends_at}))
