"""Client token and visitor secret: their JSON in `/api/v1/client_tokens` and `/api/v1/visitor_secret`."""

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from conversations.resources.fields import ConstantField, MethodField, UtcTimeField
from conversations.rules.client_tokens.claims import SCOPES, Claims


class ClientTokenSerializer(serializers.Serializer[Claims]):
    """A token for the browser of one visitor. It is stored nowhere, and shown this once."""

    object = ConstantField("client_token")
    id = serializers.CharField(help_text="Its `jti`, by which it is revoked.")
    token = MethodField(serializers.CharField())
    visitor = serializers.CharField()
    assistant = MethodField(serializers.CharField(allow_null=True))
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPES))
    requests_per_minute = MethodField(serializers.IntegerField(allow_null=True))
    tokens_per_minute = MethodField(serializers.IntegerField(allow_null=True))
    concurrent_runs = MethodField(serializers.IntegerField(allow_null=True))
    expires_at = MethodField(UtcTimeField())

    def get_token(self, _said: Claims) -> str:
        return str(self.context["token"])

    def get_assistant(self, said: Claims) -> str | None:
        """The one that it may ask; null for any."""
        return said.assistant or None

    def get_requests_per_minute(self, said: Claims) -> int | None:
        return said.limits.requests_per_minute or None

    def get_tokens_per_minute(self, said: Claims) -> int | None:
        return said.limits.tokens_per_minute or None

    def get_concurrent_runs(self, said: Claims) -> int | None:
        return said.limits.concurrent_runs or None

    def get_expires_at(self, said: Claims) -> datetime:
        return datetime.fromtimestamp(said.expires_at, UTC)


class VisitorSecretSerializer(serializers.Serializer[Any]):
    """What client tokens are signed with, as HS256. `account` is their `iss`.

    Tokens of a previous secret are taken until it expires.
    """

    object = ConstantField("visitor_secret")
    account = serializers.CharField()
    secret = serializers.CharField()
    previous_secret_expires_at = UtcTimeField(allow_null=True)


VISITOR_SECRET = VisitorSecretSerializer()


def client_token(token: str, said: Claims) -> dict[str, Any]:
    return dict(ClientTokenSerializer(context={"token": token}).to_representation(said))
