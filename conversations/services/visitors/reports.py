"""What happens to visitors and their dialogues, reported to webhook endpoints (docs/contract D.9).

Each function belongs in the transaction of what it reports, as its last step.
"""

from collections.abc import Mapping
from typing import Any

from conversations.models import Dialogue, Visitor
from conversations.resources import visitors as resources
from conversations.services.webhooks import events
from conversations.webhooks.payloads import EventType
from conversations.webhooks.subjects import YujuSubject


def report(visitor: Visitor, event_type: EventType, *, run: str = "", more: Mapping[str, Any] | None = None) -> None:
    """`run`: the public id of the run that it came with. `more` are further members of the data."""
    data = resources.of_event(visitor)
    events.record(
        account_id=visitor.account_id,
        event_type=event_type,
        data={**data, **(more or {})},
        subject=YujuSubject(visitor=first_id(visitor), contact=visitor.public_id, run=run),
    )


def report_end_of_dialogue(dialogue: Dialogue) -> None:
    """Its conversation, assistant and visitor should be loaded."""
    conversation, assistant, visitor = dialogue.conversation, dialogue.assistant, dialogue.visitor
    external_id = first_id(visitor) if visitor else ""
    data = {
        "conversation": conversation.public_id,
        "assistant": assistant.public_id if assistant else None,
        "visitor": visitor.public_id if visitor else None,
        "external_id": external_id or None,
        "created_at": conversation.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": conversation.updated_at.isoformat().replace("+00:00", "Z"),
    }
    events.record(
        account_id=dialogue.account_id,
        event_type=EventType.DIALOGUE_FINISHED,
        data=data,
        conversation_id=dialogue.conversation_id,
        subject=YujuSubject(assistant=data["assistant"] or "", visitor=external_id, contact=data["visitor"] or ""),
    )


def first_id(visitor: Visitor) -> str:
    """The oldest of the customer's ids for it."""
    return next((one.external_id for one in sorted(visitor.identities.all(), key=lambda one: one.pk)), "")
