"""Visitors and assistants, and turns of theirs, accepted as the product accepts them."""

from typing import Any

from conversations import ids
from conversations.models import Account, Assistant, AssistantVersion, Dialogue, Visitor
from conversations.rules.conversations.visitor_fields import VisitorFields
from conversations.services.runs.accept import AcceptedRun
from conversations.services.visitors import arrivals
from conversations.values.assistants import AssistantUsed, VisitorGiven
from tests.builders import runs


def assistant(owner: Account, *, name: str = "Helper") -> AssistantUsed:
    made = Assistant.objects.create(account=owner)
    AssistantVersion.objects.create(account=owner, assistant=made, number=1, name=name, kind="dialogue")
    return AssistantUsed(made.pk, made.public_id, 1)


def visitor(owner: Account, external_id: str = "u1", **fields: Any) -> Visitor:
    """One that was made by hand: it has not asked anything."""
    made = arrivals.make(account_id=owner.pk, external_id=external_id, fields=VisitorFields(**fields))
    assert made is not None
    return Visitor.objects.get(pk=made["id"])


def turn(external_id: str = "u1", *, of: AssistantUsed | None = None, **more: Any) -> dict[str, Any]:
    """What makes a turn one of a visitor, in its thread with an assistant; without one, in a conversation of its own.

    `conversation_id`: the thread that was found before it was accepted.
    """
    found = more.pop("conversation_id", "")
    return {
        "conversation_id": found or ids.new_conversation_id(),
        "begins_conversation": not found,
        "given": {
            "visitor": VisitorGiven(external_id, more.pop("attributes", {})),
            "assistant": of,
            "is_thread": of is not None,
        },
        **more,
    }


def ask(owner: Account, external_id: str = "u1", question: str = "Hello", **more: Any) -> AcceptedRun:
    """A turn as `turn` says."""
    return runs.accept(owner, question, **turn(external_id, **more))


def dialogue(accepted: AcceptedRun) -> Dialogue:
    return Dialogue.objects.get(conversation__public_id=accepted.conversation_id)
