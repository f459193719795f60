"""What happens to visitors and their dialogues, reported to webhook endpoints (docs/contract D.9).

Each function belongs in the transaction of what it reports, as its last step.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from conversations.models import Assistant, Dialogue, Visitor
from conversations.resources import visitors as resources
from conversations.rules import times
from conversations.services.webhooks import events
from conversations.services.webhooks.events import Reported
from conversations.webhooks.payloads import EventType
from conversations.webhooks.subjects import YujuSubject


def report(visitor: Visitor, event_type: EventType, *, run: str = "", more: Mapping[str, Any] | None = None) -> None:
    """`run`: the public id of the run that it came with. `more` are further members of the data."""
    data = resources.of_event(visitor)
    events.record(
        account_id=visitor.account_id,
        event_type=event_type,
        data={**data, **(more or {})},
        subject=subject(visitor=visitor, run=run),
    )


def report_ends(dialogues: Iterable[Dialogue]) -> None:
    """Their conversations, assistants and visitors should be loaded, and have to be locked as `record_each` says."""
    events.record_each(EventType.DIALOGUE_FINISHED, [_end_of(dialogue) for dialogue in dialogues])


def _end_of(dialogue: Dialogue) -> Reported:
    conversation = dialogue.conversation
    about = subject(assistant=dialogue.assistant, visitor=dialogue.visitor)
    data = {
        "conversation": conversation.public_id,
        **members(about),
        "created_at": times.iso(conversation.created_at),
        "updated_at": times.iso(conversation.updated_at),
    }
    return Reported(dialogue.account_id, dialogue.conversation_id, data, about)


def subject(*, assistant: Assistant | None = None, visitor: Visitor | None = None, run: str = "") -> YujuSubject:
    """The visitor's identities should be loaded. `run` is a public id."""
    return YujuSubject(
        assistant=assistant.public_id if assistant else "",
        visitor=next(iter(visitor.external_ids), "") if visitor else "",
        contact=visitor.public_id if visitor else "",
        run=run,
    )


def members(subject: YujuSubject) -> dict[str, str | None]:
    """How an event's own data names it."""
    return {
        "assistant": subject.assistant or None,
        "visitor": subject.contact or None,
        "external_id": subject.visitor or None,
    }
