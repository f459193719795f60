"""Conversation: its JSON in events, and in `/api/v1/conversations`."""

from typing import Any

from rest_framework import serializers

from conversations.models import Conversation, Dialogue
from conversations.resources.fields import ConstantField, MethodField, UtcTimeField


class ConversationOfEventSerializer(serializers.Serializer[Conversation]):
    id = serializers.CharField(source="public_id")
    object = ConstantField("conversation")
    created_at = UtcTimeField()


class ConversationSerializer(serializers.Serializer[Any]):
    """A conversation. `title` is what it was renamed to, or else the first words of its first question.

    `preview` is the beginning of its last answer, and `updated_at` when that was given. `head` is the id of the last
    message of its path: those that it follows, one after the other, are what the next turn goes on from.
    `message_count` counts all branches, and ends at 100: there may be more. `assistant` and `visitor` are null for a
    conversation of neither, and `thread` says whether it is the memory of this visitor with this assistant. `model` is
    null for client tokens.
    """

    id = serializers.CharField(source="conversation.public_id")
    object = ConstantField("conversation")
    title = MethodField(serializers.CharField(allow_blank=True))
    preview = serializers.CharField(source="excerpt.preview", allow_blank=True)
    model = MethodField(serializers.CharField(allow_null=True))
    head = MethodField(serializers.CharField(allow_null=True))
    message_count = serializers.IntegerField(source="excerpt.count", min_value=0)
    assistant = MethodField(serializers.CharField(allow_null=True))
    visitor = MethodField(serializers.CharField(allow_null=True))
    thread = MethodField(serializers.BooleanField())
    archived = MethodField(serializers.BooleanField())
    created_at = UtcTimeField(source="conversation.created_at")
    updated_at = UtcTimeField(source="conversation.updated_at")

    def get_title(self, listed: Any) -> str:
        return str(listed.conversation.title or listed.excerpt.title)

    def get_model(self, listed: Any) -> str | None:
        return listed.conversation.model or None

    def get_head(self, listed: Any) -> str | None:
        head = listed.conversation.head
        return head.public_id if head else None

    def get_assistant(self, listed: Any) -> str | None:
        dialogue = _dialogue(listed)
        return dialogue.assistant.public_id if dialogue and dialogue.assistant else None

    def get_visitor(self, listed: Any) -> str | None:
        """The one that it was merged into, if it was."""
        dialogue = _dialogue(listed)
        if dialogue is None or dialogue.visitor is None:
            return None
        visitor = dialogue.visitor.merged_into or dialogue.visitor
        return visitor.public_id if visitor.deleted_at is None else None

    def get_thread(self, listed: Any) -> bool:
        dialogue = _dialogue(listed)
        return dialogue is not None and dialogue.is_thread

    def get_archived(self, listed: Any) -> bool:
        return listed.conversation.archived_at is not None


class ConversationPageSerializer(serializers.Serializer[Any]):
    """One page of conversations, the last active first; follow `next` until it is null."""

    results = ConversationSerializer(many=True)
    next = serializers.CharField(allow_null=True)


CONVERSATION_OF_EVENT = ConversationOfEventSerializer()
CONVERSATION = ConversationSerializer()


def conversation(conversation: Conversation) -> dict[str, Any]:
    return dict(CONVERSATION_OF_EVENT.to_representation(conversation))


def listed(found: Any, *, to_token: bool) -> dict[str, Any]:
    """`to_token`: which model an assistant has is its account's alone."""
    fields = dict(CONVERSATION.to_representation(found))
    return {**fields, "model": None} if to_token else fields


def _dialogue(found: Any) -> Dialogue | None:
    return getattr(found.conversation, "dialogue", None)
