"""Whom an event is about, in the members that receivers of the Yuju family look for (docs/contract D.9)."""

from collections.abc import Mapping
from dataclasses import dataclass

from conversations import ids
from conversations.values import msg_keys
from conversations.webhooks.payloads import EventType

# What that family calls our types.
NAMES = {
    EventType.KNOWLEDGE_NO_MATCH: "no_matching_knowledge",
    EventType.INTENT_SATISFIED: "intent_satisfied",
    EventType.INTENT_NOT_SATISFIED: "intent_not_satisfied",
    EventType.VISITOR_CREATED: "contact_created",
    EventType.VISITOR_UPDATED: "contact_updated",
    EventType.VISITOR_DELETED: "contact_deleted",
    EventType.DIALOGUE_FINISHED: "dialogue_finished",
    EventType.DOCUMENT_SYNCED: "kb_file_synced",
}


@dataclass(frozen=True, slots=True)
class YujuSubject:
    """Public ids, "" for none. `visitor` is the customer's own id of the visitor, `contact` ours."""

    assistant: str = ""
    visitor: str = ""
    contact: str = ""
    run: str = ""

    def members(self, event_type: EventType) -> Mapping[str, str | None]:
        """All of them in every such event, null where there is none."""
        return {
            "event": NAMES[event_type],
            "ibotID": self.assistant or None,
            "visitorId": self.visitor or None,
            "contact_id": ids.unprefixed(self.contact) or None,
            "msgKey": msg_keys.of_run(self.run) if self.run else None,
        }
