"""Message: its JSON in `/api/v1/conversations/{id}/messages`."""

from dataclasses import replace
from typing import Any

from rest_framework import serializers

from conversations.dialects.api import sources
from conversations.models import Reference
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField
from conversations.resources.money import AmountField
from conversations.resources.runs.runs import (
    CitationSerializer,
    IntentMatchSerializer,
    SourceSerializer,
    UsageSerializer,
)
from conversations.values.requests import ReferenceKind
from conversations.values.runs import RunStatus
from providers import serialization
from providers.messages import Part, Role, ToolResultPart

# What a client token is not shown: what tools were called with, and what they answered.
OF_TOOLS = ("tool_call", "tool_result")


class GivenReferenceSerializer(serializers.Serializer[Reference]):
    """What came with a question: the URL of a file or image, or the beginning of a text."""

    kind = serializers.ChoiceField([kind.value for kind in ReferenceKind])
    name = serializers.CharField(allow_blank=True)
    content = serializers.CharField(source="beginning")


class MessageRunSerializer(serializers.Serializer[Any]):
    """The run that the message is of. Client tokens are not shown its `model`, `usage` and `cost`.

    `usage` and `cost` are null with all but its answer; `cost` is what was taken from the balance.
    """

    id = serializers.CharField()
    status = serializers.ChoiceField([status.value for status in RunStatus])
    model = serializers.CharField(required=False)
    usage = UsageSerializer(required=False, allow_null=True)
    cost = AmountField(required=False, allow_null=True)


class ConversationMessageSerializer(serializers.Serializer[Any]):
    """A message of a conversation, on any branch.

    `parts` are as they are stored (docs/parts.md). `parent` is the id of the message that it follows, null for a first
    one, or while its run is queued. `siblings` counts those that follow the same one, itself included, up to 100: with
    more than one the conversation has branches there. `choice` numbers the answers of one run.
    Only with an answer that was asked for with sources: `sources`, `citations`, `notes`, `intents`.
    """

    id = serializers.CharField(source="message.public_id")
    object = ConstantField("message")
    role = serializers.ChoiceField([role.value for role in Role], source="message.role")
    name = serializers.CharField(source="message.name", allow_blank=True)
    parts = MethodField(serializers.ListField(child=serializers.DictField()))
    parent = MethodField(serializers.CharField(allow_null=True))  # type: ignore[assignment] # DRF takes it off the class
    siblings = serializers.IntegerField(min_value=1)
    choice = serializers.IntegerField(source="message.choice", min_value=0)
    run = MethodField(MessageRunSerializer())
    references = GivenReferenceSerializer(many=True)
    created_at = UtcTimeField(source="message.created_at")
    sources = SourceSerializer(many=True, required=False)
    citations = CitationSerializer(many=True, required=False)
    notes = serializers.DictField(child=serializers.CharField(), required=False)
    intents = IntentMatchSerializer(many=True, required=False)

    def get_parent(self, said: Any) -> str | None:
        return said.message.parent.public_id if said.message.parent else None

    def get_run(self, said: Any) -> dict[str, Any]:
        run = said.run
        usage = run.usage if said.is_answer else None
        return {
            "id": run.public_id,
            "status": run.status.value,
            "model": run.model,
            "usage": usage,
            "cost": said.cost,
        }

    def get_parts(self, said: Any) -> list[dict[str, Any]]:
        """Without what is only for the vendor that it came from."""
        message = said.message
        parts = serialization.load_parts(message.parts, version=message.parts_version)
        return serialization.dump_parts(map(_without_metadata, parts))


class MessagePageSerializer(serializers.Serializer[Any]):
    """One page of messages, the newest first unless `order` says otherwise; follow `next` until it is null."""

    results = ConversationMessageSerializer(many=True)
    next = serializers.CharField(allow_null=True)


# Made once: making a serializer costs half a millisecond, and writing JSON keeps nothing on it.
MESSAGE = ConversationMessageSerializer()


def message(said: Any, *, to_token: bool) -> dict[str, Any]:
    """`to_token`: without what is its account's alone: models, tools, usage and money."""
    fields = dict(MESSAGE.to_representation(said)) | sources.members(said.sourced)
    if to_token:
        fields["run"] = {name: fields["run"][name] for name in ("id", "status")}
        fields["parts"] = [part for part in fields["parts"] if part["type"] not in OF_TOOLS]
    return fields


def _without_metadata(part: Part) -> Part:
    if isinstance(part, ToolResultPart):
        part = replace(part, parts=tuple(map(_without_metadata, part.parts)))
    return replace(part, provider_metadata=None)
