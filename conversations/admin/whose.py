"""Whose a run or a conversation is: the assistant that was asked, and the visitor who asked, as links."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.admin.site import formatting
from conversations.models import Assistant, AssistedRun, Conversation, Dialogue, Run, Visitor


def assistant_of_run(run: Run) -> SafeString | None:
    """With the version that answered."""
    found: AssistedRun | None = getattr(run, "assisted", None)
    if found is None or found.assistant is None:
        return None
    return format_html("{}, version {}", _assistant(found.assistant), found.assistant_version)


def visitor_of_run(run: Run) -> SafeString | None:
    found: AssistedRun | None = getattr(run, "assisted", None)
    return _visitor(found.visitor) if found and found.visitor else None


def assistant_of(conversation: Conversation) -> SafeString | None:
    found: Dialogue | None = getattr(conversation, "dialogue", None)
    return _assistant(found.assistant) if found and found.assistant else None


def visitor_of(conversation: Conversation) -> SafeString | None:
    """And whether it is what this visitor and this assistant remember of each other."""
    found: Dialogue | None = getattr(conversation, "dialogue", None)
    if found is None or found.visitor is None:
        return None
    return format_html("{}{}", _visitor(found.visitor), ", their thread" if found.is_thread else "")


def within(dialogue: Dialogue) -> SafeString | str:
    """What a visitor's page says of one of its conversations."""
    if dialogue.assistant is None:
        return ""
    return format_html("with {}{}", _assistant(dialogue.assistant), ", their thread" if dialogue.is_thread else "")


def _assistant(assistant: Assistant) -> SafeString:
    return formatting.link("conversations_assistant", assistant.pk, assistant.public_id)


def _visitor(visitor: Visitor) -> SafeString:
    """A tombstone has no page of its own any more."""
    if visitor.deleted_at is not None:
        return format_html("{} (deleted)", visitor.public_id)
    return formatting.link("conversations_visitor", visitor.pk, visitor.name or visitor.public_id)
