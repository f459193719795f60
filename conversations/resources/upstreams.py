"""Upstream: a target's JSON in `/api/v1/upstreams`."""

from typing import Any

from rest_framework import serializers

from conversations.resources.fields import ConstantField, UtcTimeField
from conversations.routing import overview
from conversations.routing.overview import UpstreamState


class UpstreamSerializer(serializers.Serializer[UpstreamState]):
    """A place where questions may go: a vendor's model with one key.

    `state` is that for all accounts, with its `reason`, `since` when and `until` when; `half_open` means that the next
    call decides. `accounts_out` is for how many single accounts it is out besides. `calls` and `failures` are those of
    the last five minutes. `max_concurrent` 0 is any number; then `in_progress` is null.
    """

    id = serializers.CharField()
    object = ConstantField("upstream")
    models = serializers.ListField(child=serializers.CharField())
    vendor = serializers.CharField(source="routed.target.vendor")
    key = serializers.CharField(source="routed.key_name")
    upstream_model = serializers.CharField(source="routed.target.model")
    priority = serializers.IntegerField(source="routed.priority", min_value=1)
    weight = serializers.IntegerField(source="routed.weight", min_value=1)
    max_concurrent = serializers.IntegerField(source="routed.max_concurrent", min_value=0)
    in_progress = serializers.IntegerField(min_value=0, allow_null=True)
    state = serializers.ChoiceField(overview.ALL_STATES)
    reason = serializers.CharField(allow_blank=True)
    since = UtcTimeField(allow_null=True)
    until = UtcTimeField(allow_null=True)
    accounts_out = serializers.IntegerField(min_value=0)
    calls = serializers.IntegerField(min_value=0)
    failures = serializers.IntegerField(min_value=0)


class UpstreamListSerializer(serializers.Serializer[Any]):
    """Those that the admin has, and all others that were asked lately or are out."""

    results = UpstreamSerializer(many=True)


UPSTREAM_LIST = UpstreamListSerializer()
