"""`/api/v1/keys`: the account's API keys, managed by those of them that have the scope `keys`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.models import ApiKey
from conversations.models.accounts.accounts import MAX_PER_MINUTE, MAX_RUNS, MAX_TOKENS_PER_MINUTE
from conversations.queries import api_keys as key_queries
from conversations.resources import api_keys as resources
from conversations.rules import key_rights
from conversations.services.accounts import api_keys, key_management
from conversations.services.accounts.key_options import KeyOptions
from conversations.values.callers import Caller
from conversations.views.api.base import ApiView
from conversations.views.api.pages import CursorParameters, page_response
from conversations.views.bodies import parameters, request_body
from conversations.views.bodies.fields import IntegerField, ListField, TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import json_response

OVERLAP_MAX_DAYS = 30
OVERLAP_SECONDS = int(api_keys.OVERLAP.total_seconds())


class MomentField(parameters.TimeField):
    def to_internal_value(self, value: Any) -> datetime:
        return super().to_internal_value(value) if isinstance(value, str) else self.fail("invalid")


class KeySerializer(serializers.Serializer[Any]):
    """Null as a limit is the account's, and as `expires_at` never."""

    name = TextField(most=100, required=False)
    scopes = ListField(child=TextField(), most=len(key_rights.SCOPES), required=False)
    models = ListField(child=TextField(), most=key_rights.PATTERNS_MAX, required=False)
    requests_per_minute = IntegerField(least=0, most=MAX_PER_MINUTE, required=False, allow_null=True)
    tokens_per_minute = IntegerField(least=0, most=MAX_TOKENS_PER_MINUTE, required=False, allow_null=True)
    concurrent_runs = IntegerField(least=0, most=MAX_RUNS, required=False, allow_null=True)
    expires_at = MomentField(required=False, allow_null=True)


class RotationSerializer(serializers.Serializer[Any]):
    previous_works_for = IntegerField(
        least=0,
        most=OVERLAP_MAX_DAYS * 86_400,
        default=OVERLAP_SECONDS,
        help_text="For how many seconds more the key works that is replaced.",
    )


LIST, FIELDS, ROTATION = CursorParameters(), KeySerializer(), RotationSerializer()


class KeyView(ApiView):
    scope: ClassVar[str] = key_rights.KEYS


class KeyListView(KeyView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            key_queries.page, account_id=caller.account_id, cursor=wanted.get("cursor"), limit=wanted["limit"]
        )
        return page_response(request, page, serializer=resources.KEY_PAGE)

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        columns = _columns(await request_body.read_fields(request, FIELDS, caller=caller, keep_null=True))
        key, secret = await threadpool.call(key_management.create, caller=caller, options=KeyOptions(**columns))
        return json_response(resources.with_secret(key, secret), status=201)


class KeyDetailView(KeyView):
    async def get(self, request: HttpRequest, key_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        key = await threadpool.call(key_queries.for_account, account_id=caller.account_id, key_id=key_id)
        return json_response(resources.key(key))

    async def patch(self, request: HttpRequest, key_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        columns = _columns(await request_body.read_fields(request, FIELDS, caller=caller, keep_null=True))
        key = await threadpool.call(key_management.change, caller=caller, key_id=key_id, columns=columns)
        return json_response(resources.key(key))

    async def delete(self, request: HttpRequest, key_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        key = await threadpool.call(key_management.revoke, caller=caller, key_id=key_id)
        return json_response(resources.key(key))


class KeyRotateView(KeyView):
    async def post(self, request: HttpRequest, key_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        fields = await request_body.read_fields(request, ROTATION, caller=caller, may_be_empty=True)
        overlap = timedelta(seconds=fields["previous_works_for"])
        key, secret, expires_at = await threadpool.call(_rotate, caller=caller, key_id=key_id, overlap=overlap)
        return json_response(resources.rotated(key, secret, previous_expires_at=expires_at))


def _rotate(*, caller: Caller, key_id: str, overlap: timedelta) -> tuple[ApiKey, str, datetime | None]:
    key, secret = key_management.rotate(caller=caller, key_id=key_id, overlap=overlap)
    return key, secret, key_queries.for_account(account_id=caller.account_id, key_id=key_id).expires_at


def _columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"model_patterns" if name == "models" else name: value for name, value in fields.items()}
