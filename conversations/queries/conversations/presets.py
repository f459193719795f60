"""The model that a stored preset names, for requests that name none."""

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


def _newest(account_id: int, name: str) -> str:
    """A request's preset may also be a system prompt of any length; a text that long is not a name."""
    if not name or len(name) > NAME_MAX_CHARS:
        return ""
    versions = Preset.objects.for_account(account_id).filter(name=name).order_by("-version")
    return versions.values_list("model", flat=True).first() or ""
