"""API key: its JSON in `/api/v1/keys`."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from conversations.models import ApiKey
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField
from conversations.rules.key_rights import SCOPES

OF_ITS_OWN = "Of its own; null when the account's holds, or the service's. 0 is any number."


class ApiKeySerializer(serializers.Serializer[ApiKey]):
    """A key of the account. Its secret is shown only where it is made."""

    id = serializers.CharField(source="public_id")
    object = ConstantField("api_key")
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="The secret's first characters.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES), help_text="Empty for every family, but not for managing keys."
    )
    models = serializers.ListField(
        source="model_patterns", child=serializers.CharField(), help_text="Empty for every model; * is any characters."
    )
    requests_per_minute = serializers.IntegerField(allow_null=True, help_text=OF_ITS_OWN)
    tokens_per_minute = serializers.IntegerField(allow_null=True, help_text=OF_ITS_OWN)
    concurrent_runs = serializers.IntegerField(allow_null=True, help_text=OF_ITS_OWN)
    made_by = MethodField(serializers.CharField(allow_null=True))
    replaced_by = MethodField(serializers.CharField(allow_null=True))
    created_at = UtcTimeField()
    expires_at = UtcTimeField(allow_null=True)
    last_used_at = UtcTimeField(allow_null=True)
    revoked_at = UtcTimeField(allow_null=True)

    def get_made_by(self, key: ApiKey) -> str | None:
        """The id of the key that made it."""
        return key.made_by or None

    def get_replaced_by(self, key: ApiKey) -> str | None:
        """The id of its successor, once it was rotated."""
        return key.replaced_by or None


class ApiKeyWithSecretSerializer(ApiKeySerializer):
    """The key with its secret, which is shown this once."""

    secret = MethodField(serializers.CharField())

    def get_secret(self, _key: ApiKey) -> str:
        return str(self.context["secret"])


class RotatedApiKeySerializer(ApiKeyWithSecretSerializer):
    """The successor, and until when the key before it works."""

    previous_expires_at = MethodField(UtcTimeField(allow_null=True))

    def get_previous_expires_at(self, _key: ApiKey) -> datetime | None:
        expires_at: datetime | None = self.context["previous_expires_at"]
        return expires_at


class ApiKeyPageSerializer(serializers.Serializer[Any]):
    results = ApiKeySerializer(many=True)
    next = serializers.CharField(allow_null=True)


KEY = ApiKeySerializer()
KEY_PAGE = ApiKeyPageSerializer()


def key(key: ApiKey) -> dict[str, Any]:
    return dict(KEY.to_representation(key))


def with_secret(key: ApiKey, secret: str) -> dict[str, Any]:
    return dict(ApiKeyWithSecretSerializer(context={"secret": secret}).to_representation(key))


def rotated(key: ApiKey, secret: str, *, previous_expires_at: datetime | None) -> dict[str, Any]:
    context = {"secret": secret, "previous_expires_at": previous_expires_at}
    return dict(RotatedApiKeySerializer(context=context).to_representation(key))
