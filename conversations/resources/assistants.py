"""Assistant: its JSON in `/api/v1/assistants`."""

from typing import Any

from rest_framework import serializers

from conversations.models import AssistantVersion
from conversations.resources.fields import ConstantField, UtcTimeField
from conversations.values.assistants import AssistantKind, FallbackHandler


class ListedAssistantSerializer(serializers.Serializer[AssistantVersion]):
    """What answers in one way, in its newest version. Its long texts are shown with itself alone."""

    id = serializers.CharField(source="assistant.public_id")
    object = ConstantField("assistant")
    version = serializers.IntegerField(source="number", min_value=1)
    default = serializers.BooleanField(
        source="assistant.is_default", help_text="Answers the account's requests that name none."
    )
    name = serializers.CharField()
    kind = serializers.ChoiceField([kind.value for kind in AssistantKind])
    model = serializers.CharField(help_text="Empty: that of the setting DEFAULT_MODEL.")
    context = serializers.BooleanField(  # type: ignore[assignment] # DRF takes it out of the class
        source="has_context", help_text="It remembers what a visitor said before."
    )
    history_most = serializers.IntegerField(
        min_value=0, allow_null=True, help_text="How many earlier messages its model is shown; null: as many as fit."
    )
    knowledge = serializers.ListField(child=serializers.CharField())
    tools = serializers.ListField(child=serializers.CharField())
    intents = serializers.ListField(child=serializers.CharField())
    search = serializers.BooleanField(help_text="It searches the web before each answer.")
    fallback = serializers.ChoiceField(
        [handler.value for handler in FallbackHandler],
        help_text="What happens when its knowledge holds nothing that fits.",
    )
    decodes_base64 = serializers.BooleanField()
    greeting = serializers.CharField()
    requires_token = serializers.BooleanField(help_text="Only client tokens may ask it in the name of a visitor.")
    created_at = UtcTimeField(source="assistant.created_at")
    changed_at = UtcTimeField(source="created_at", help_text="When this version was made.")


class AssistantSerializer(ListedAssistantSerializer):
    """What answers in one way: in its newest version, or in the one that was asked for."""

    prompt = serializers.CharField(help_text="The name of a preset, or a system prompt.")
    options = serializers.DictField(help_text="Generation options, such as temperature.")
    fallback_text = serializers.CharField(help_text='The whole answer of the fallback "fix".')


class AssistantPageSerializer(serializers.Serializer[Any]):
    """`next` is the path of the page that follows, null for the last one."""

    results = ListedAssistantSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class DeletedAssistantSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = ConstantField("assistant")
    deleted = ConstantField(True)


ASSISTANT, ASSISTANT_PAGE, DELETED_ASSISTANT = (
    AssistantSerializer(),
    AssistantPageSerializer(),
    DeletedAssistantSerializer(),
)
