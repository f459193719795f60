"""An account with everything that an account can have, all of it about the secret."""

from collections.abc import Callable

import pytest
from django.db import connection

from conversations.models import Account, Delivery, Run
from conversations.outbound import guard
from conversations.services import conversations, presets
from conversations.services.assistants import assistants
from conversations.services.conversations import ConversationChange
from conversations.services.runs import finish
from conversations.services.tools import mcp_servers, tools
from conversations.services.tools.rows import Fields
from conversations.services.tools.tools import ToolFields
from conversations.values.assistants import AssistantUsed, VisitorGiven
from conversations.values.requests import NewTask, ReferenceGiven, ReferenceKind
from conversations.values.runs import RunStatus
from tests import builders
from tests.builders.factories import DeliveryAttemptFactory, IdempotencyKeyFactory
from tests.integration.conversations import inspection

SECRET = "xyzzy"
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'conversations_%%' ORDER BY relname"


@pytest.fixture
def tables_with() -> Callable[[str], list[str]]:
    """The tables that hold a text anywhere: in any column of any row."""

    def find(text: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(TABLES, [])
            names = [name for (name,) in cursor.fetchall()]
            found = []
            for name in names:
                cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {name} AS r WHERE r::text LIKE %s)", [f"%{text}%"])
                found += [name.removeprefix("conversations_")] * cursor.fetchone()[0]
        return found

    return find


@pytest.fixture
def talkative(ann: Account) -> Account:
    """Two conversations with the secret in them, and a turn that nothing stores."""
    builders.webhooks.endpoint(ann, f"https://{SECRET}.example/hook")
    url = guard.CheckedUrl(f"https://{SECRET}.example/tool")
    tools.create(account_id=ann.pk, fields=ToolFields(name=f"{SECRET}_tool", url=url))
    mcp_servers.create(account_id=ann.pk, fields=Fields(name=f"{SECRET}_server", url=url))
    presets.save(account=ann, name=f"{SECRET} preset", text=f"Say {SECRET}")
    made = assistants.create(account_id=ann.pk, given={"name": SECRET, "greeting": SECRET}, is_default=True)
    assistant_id = made.assistant.public_id
    used = assistants.change(account_id=ann.pk, assistant_id=assistant_id, given={"prompt": SECRET})
    asked = AssistantUsed(used.assistant_id, used.assistant.public_id, used.number)
    given = (ReferenceGiven(ReferenceKind.TEXT, f"{SECRET} facts"),)
    task = NewTask(f"https://{SECRET}.example/back")
    visitor = VisitorGiven(f"{SECRET} visitor", {"name": SECRET, "note": SECRET})
    for thread in (f"{SECRET}-1", f"{SECRET}-2"):
        for _ in range(3):
            run = builders.runs.answered(
                ann,
                f"{SECRET}?",
                f"{SECRET}!",
                conversation_id=thread,
                preset=f"{SECRET} preset",
                references=given,
                given={"visitor": visitor, "assistant": asked},
            )
        builders.runs.answered(ann, f"{SECRET}?", f"{SECRET}!", conversation_id=thread, task=task)
        builders.contents.read(run, f"Of {thread}")
        builders.contents.read(run, f"{SECRET} of both", url="https://both.example/")
        failed = builders.runs.claim(builders.runs.start(ann, f"{SECRET}?", conversation_id=thread))
        report = builders.runs.report("", status=RunStatus.FAILED, code="upstream_failed")
        assert finish.finish(run=failed, report=report)
        # A vendor quotes what it was asked.
        Run.objects.filter(pk=failed.pk).update(error_message=f"No {SECRET}!")
        IdempotencyKeyFactory.create(account=ann, run=run, key=f"{SECRET} {thread}")
        key = inspection.conversation(ann, thread).pk
        conversations.change(account_id=ann.pk, key=key, change=ConversationChange(title=f"My {SECRET}"))
    builders.tools.called(ann, f"{SECRET}!", conversation_id=f"{SECRET}-2")
    builders.runs.answered(ann, f"{SECRET}?", f"{SECRET}!", is_stored=False)
    base = builders.knowledge.base(ann, f"{SECRET} birds")
    builders.knowledge.ready(base, f"{SECRET} herons")
    builders.knowledge.document(base, "queued", f"About {SECRET}.")
    for delivery in Delivery.objects.for_account(ann):
        DeliveryAttemptFactory.create(delivery=delivery, response=f"Got {SECRET}")
    return ann
