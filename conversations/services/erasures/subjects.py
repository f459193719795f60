"""The steps of an erasure, by its kind of subject. Another kind of subject is another entry.

The names of steps are kept in rows: an erasure goes on with a later release.
"""

from functools import partial

from conversations.models import Erasure
from conversations.services.erasures import (
    accounts,
    content,
    knowledge,
    remains,
    reports,
    usage,
    visitors,
)
from conversations.services.erasures.batch import Batch, Step

Subject = Erasure.Subject


def _look_at_conversation(erasure: Erasure) -> Batch:
    return remains.look(erasure, runs=content.of_conversation, others=remains.of_conversation(erasure))


def _look_at_account(erasure: Erasure) -> Batch:
    return remains.look(erasure, runs=content.of_account, others=remains.of_account(erasure))


# Passes through the runs: messages, turns, remains.
PASSES = 3

STEPS: dict[str, dict[str, Step]] = {
    Subject.CONVERSATION: {
        "count": partial(content.count_runs, runs=content.of_conversation, passes=PASSES),
        # First what would still be sent.
        "events": reports.empty_events,
        "messages": partial(content.erase_messages, runs=content.of_conversation),
        "turns": partial(content.erase_turns, runs=content.of_conversation),
        "contents": content.erase_readings,
        "usage": usage.delete_of_conversation,
        "remains": _look_at_conversation,
    },
    Subject.VISITOR: {
        "count": visitors.count,
        "dialogues": visitors.erase_dialogues,
        "runs": visitors.erase_assisted_runs,
        "visitor": visitors.erase_visitor,
    },
    Subject.ACCOUNT: {
        "stop": accounts.stop,
        "count": partial(content.count_runs, runs=content.of_account, passes=PASSES),
        # Before their messages: a conversation's head is one of these.
        "conversations": accounts.empty_conversations,
        "messages": partial(content.erase_messages, runs=content.of_account),
        "idempotency_keys": accounts.delete_idempotency_keys,
        "turns": partial(content.erase_turns, runs=content.of_account),
        "contents": content.delete_contents,
        "deliveries": reports.delete_deliveries,
        "events": reports.delete_events,
        "endpoints": accounts.delete_endpoints,
        "knowledge_jobs": knowledge.delete_jobs,
        "knowledge_documents": knowledge.delete_documents,
        "knowledge_bases": knowledge.delete_bases,
        "tools": accounts.delete_tools,
        "assistants": accounts.delete_assistants,
        "intents": accounts.delete_intents,
        "visitors": accounts.delete_visitors,
        "usage_of_conversations": usage.delete_of_conversations,
        "usage_of_days": usage.delete_of_days,
        "erasures": accounts.empty_erasures,
        "notes": accounts.empty_notes,
        "account": accounts.empty_account,
        "remains": _look_at_account,
    },
}
