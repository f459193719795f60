"""Which model a stored preset brings along, for the callers that name none."""

from conversations.models import Conversation, Preset, Run
from conversations.models.conversations.presets import NAME_MAX_CHARS
from conversations.values.runs import ACTIVE


def model_for(*, account_id: int, preset: str | None, conversation_id: str) -> str:
    """That of the named preset's newest version; without a name, of the conversation's preset. "" for none."""
    if preset is not None:
        return _newest(account_id, preset)
    conversations = Conversation.objects.for_account(account_id).filter(public_id=conversation_id)
    kept = conversations.values_list("pk", "preset__model").first()
    if kept is None:
        return ""
    # A turn under way is about to change it, and this one will wait for that.
    active = Run.objects.filter(conversation=kept[0], status__in=ACTIVE, preset_text__isnull=False).order_by("-pk")
    changed = active.values_list("preset__model").first()
    return (changed or kept[1:])[0] or ""


def _newest(account_id: int, name: str) -> str:
    """A preset may also be text, of any length: then it is no name."""
    if not name or len(name) > NAME_MAX_CHARS:
        return ""
    versions = Preset.objects.for_account(account_id).filter(name=name).order_by("-version")
    return versions.values_list("model", flat=True).first() or ""
