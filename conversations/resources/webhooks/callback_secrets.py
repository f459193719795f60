"""Callback secret: its JSON in `/api/v1/callback_secret`."""

from typing import Any

from rest_framework import serializers

from conversations.resources.fields import ConstantField, UtcTimeField


class CallbackSecretSerializer(serializers.Serializer[Any]):
    """What the account's callbacks are signed with. A previous secret signs too until it expires."""

    object = ConstantField("callback_secret")
    secret = serializers.CharField()
    previous_secret_expires_at = UtcTimeField(allow_null=True)


CALLBACK_SECRET = CallbackSecretSerializer()
