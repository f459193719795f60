"""`/api/v1/client_tokens` and `/api/v1/visitor_secret`: tokens for browsers, and what a customer signs its own with.

Whoever knows the secret can speak as any visitor, for as long as it is not rotated. So it is shown to keys that may
make other keys, and to no others. A token that is minted ends within a day.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import errors, resources
from conversations.models import Account
from conversations.models.accounts.accounts import MAX_PER_MINUTE, MAX_RUNS, MAX_TOKENS_PER_MINUTE
from conversations.resources.client_tokens import VISITOR_SECRET
from conversations.rules import key_rights, texts
from conversations.rules.client_tokens import claims
from conversations.rules.conversations import visitor_fields
from conversations.services.accounts import client_tokens, token_revocations, visitor_secrets
from conversations.services.accounts.client_tokens import DEFAULT_LIFE_SECONDS, Wanted
from conversations.values.callers import Limits
from conversations.views.api.base import ApiView
from conversations.views.bodies import parameters, request_body
from conversations.views.bodies.fields import IntegerField, ListField, TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.http.base import PRIVATE, json_response
from conversations.views.http.thread_shares import Share

OVERLAP_SECONDS = int(visitor_secrets.OVERLAP.total_seconds())


class TokenSerializer(serializers.Serializer[Any]):
    """Of what is left out: every scope of the key, any assistant, an hour, and the limits of the service."""

    visitor = TextField(most=visitor_fields.EXTERNAL_ID_MAX_CHARS, help_text="Your own id of the visitor.")
    assistant = TextField(most=claims.ID_MAX_CHARS, required=False, allow_null=True)
    scopes = ListField(child=parameters.ChoiceField(claims.SCOPES), most=len(claims.SCOPES), required=False)
    expires_in = IntegerField(
        least=1, most=claims.LIFE_MAX_SECONDS, default=DEFAULT_LIFE_SECONDS, help_text="In seconds."
    )
    requests_per_minute = IntegerField(least=1, most=MAX_PER_MINUTE, required=False, allow_null=True)
    tokens_per_minute = IntegerField(least=1, most=MAX_TOKENS_PER_MINUTE, required=False, allow_null=True)
    concurrent_runs = IntegerField(least=1, most=MAX_RUNS, required=False, allow_null=True)


class SecretRotationSerializer(serializers.Serializer[Any]):
    previous_works_for = IntegerField(
        least=0,
        most=OVERLAP_SECONDS,
        default=OVERLAP_SECONDS,
        help_text="For how many seconds more tokens of the secret that is replaced are taken; 0 when it was stolen.",
    )


class RevocationSerializer(serializers.Serializer[Any]):
    """One of both."""

    visitor = TextField(
        most=visitor_fields.EXTERNAL_ID_MAX_CHARS,
        required=False,
        allow_null=True,
        help_text="All tokens of this visitor that were issued up to now.",
    )
    id = TextField(
        most=claims.TOKEN_ID_MAX_CHARS, required=False, allow_null=True, help_text="The token with this `jti`."
    )


TOKEN, ROTATION, REVOCATION = TokenSerializer(), SecretRotationSerializer(), RevocationSerializer()


class ClientTokensView(ApiView):
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = _wanted(await request_body.read_fields(request, TOKEN, caller=caller))
        await self.admit_again(request)
        token, said = await threadpool.call(client_tokens.mint, wanted, caller=caller, now=time.time())
        return json_response(resources.client_token(token, said), status=201)


class ClientTokenRevokeView(ApiView):
    """Saying the same again ends what was issued meanwhile, too."""

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        given = await request_body.read_fields(request, REVOCATION, caller=caller)
        await self.admit_again(request)
        await threadpool.call_in_share(Share(caller.account_id, ""), partial(_revoke, caller.account_id, given))
        return HttpResponse(status=204, headers=PRIVATE)


class VisitorSecretView(ApiView):
    scope: ClassVar[str] = key_rights.KEYS

    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        return json_response(await threadpool.call(_shown, account_id=caller.account_id))


class VisitorSecretRotateView(ApiView):
    scope: ClassVar[str] = key_rights.KEYS

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        fields = await request_body.read_fields(request, ROTATION, caller=caller, may_be_empty=True)
        await self.admit_again(request)
        overlap = timedelta(seconds=fields["previous_works_for"])
        await threadpool.call(visitor_secrets.rotate, account_id=caller.account_id, overlap=overlap)
        return json_response(await threadpool.call(_shown, account_id=caller.account_id))


def _shown(*, account_id: int) -> dict[str, Any]:
    secret = visitor_secrets.current(account_id=account_id)
    facts = {
        "account": Account.objects.values_list("public_id", flat=True).get(pk=account_id),
        "secret": secret,
        "previous_secret_expires_at": visitor_secrets.previous_until(account_id=account_id),
    }
    return dict(VISITOR_SECRET.to_representation(facts))


def _revoke(account_id: int, given: Mapping[str, str]) -> None:
    """Raises InvalidRequest and QuotaExceeded."""
    if len(given) != 1:
        raise errors.InvalidRequest("Say either visitor or id.", param="visitor")
    if "visitor" in given:
        external_id = visitor_fields.external_id(given["visitor"], param="visitor")
        return token_revocations.revoke_visitor(account_id=account_id, external_id=external_id)
    return token_revocations.revoke_token(account_id=account_id, token_id=texts.storable(given["id"], param="id"))


def _wanted(fields: Mapping[str, Any]) -> Wanted:
    """Raises InvalidRequest."""
    return Wanted(
        visitor=visitor_fields.external_id(fields["visitor"], param="visitor"),
        assistant=fields.get("assistant") or "",
        scopes=tuple(dict.fromkeys(fields.get("scopes") or ())),
        limits=Limits(*(fields.get(name) or 0 for name in claims.LIMITS)),
        life_seconds=fields["expires_in"],
    )
