"""Presets as a turn would use them now: the model that one names, and the preset of a conversation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conversations.models import ActiveRun, Conversation, Preset
from conversations.models.conversations.presets import NAME_MAX_CHARS


def model_for(*, account_id: int, preset: str | None, conversation_id: str) -> str:
    """The model of the named preset's newest version; without a name, of the conversation's preset. "" if none."""
    if preset is not None:
        return _newest(account_id, preset)
    conversations = Conversation.objects.for_account(account_id).filter(public_id=conversation_id)
    stored = conversations.values_list("pk", "preset__model").first()
    if stored is None:
        return ""
    # An active turn will change the conversation's preset before this one runs.
    active = ActiveRun.objects.for_account(account_id).filter(conversation=stored[0], run__preset_text__isnull=False)
    changed = active.order_by("-pk").values_list("run__preset__model").first()
    return (changed or stored[1:])[0] or ""


@dataclass(frozen=True, slots=True)
class InUse:
    """A conversation as its next turn finds it, with the preset that the turn would have.

    `key` and `head` are None without such a conversation. `version` is None for a text that is no stored preset.
    """

    key: int | None = None
    head: int | None = None
    is_deleted: bool = False
    is_busy: bool = False
    text: str = ""
    name: str = ""
    version: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def in_use(*, account_id: int, preset: str | None, conversation_id: str | None) -> InUse:
    """`preset` as in a request: None for the conversation's, else the name of a stored one, or a text."""
    found = InUse()
    stored: Preset | None = None
    if conversation_id is not None:
        rows = Conversation.objects.for_account(account_id).filter(public_id=conversation_id).select_related("preset")
        if conversation := rows.first():
            is_busy = ActiveRun.objects.for_account(account_id).filter(conversation=conversation).exists()
            is_deleted = conversation.deleted_at is not None
            found = InUse(conversation.pk, conversation.head_id, is_deleted, is_busy, conversation.preset_text)
            stored = conversation.preset
    if preset is not None:
        versions = Preset.objects.for_account(account_id).filter(name=preset) if _may_be_name(preset) else None
        stored = versions.order_by("-version").first() if versions is not None else None
        found = replace(found, text=stored.text if stored else preset)
    if stored is None:
        return found
    return replace(found, name=stored.name, version=stored.version, parameters=stored.parameters)


def _may_be_name(preset: str) -> bool:
    """A request's preset may also be a system prompt of any length; a text that long is not a name."""
    return bool(preset) and len(preset) <= NAME_MAX_CHARS


def _newest(account_id: int, name: str) -> str:
    if not _may_be_name(name):
        return ""
    versions = Preset.objects.for_account(account_id).filter(name=name).order_by("-version")
    return versions.values_list("model", flat=True).first() or ""
