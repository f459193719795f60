"""Messages to visitors: reported as turns are, and not half there when something of them is refused."""

import uuid

import orjson
import pytest
from django.db import DatabaseError, connection

from conversations import ids
from conversations.models import Account, AssistedRun, Conversation, Dialogue, Event, Message, Run
from conversations.services import visitor_messages
from conversations.services.visitor_messages import NewMessage, SentMessage
from conversations.values.requests import NewRun, Preconditions
from tests import builders
from tests.fakes import refused_rows

pytestmark = pytest.mark.django_db


def send(owner: Account, text: str = "客服在此", *, has_endpoints: bool = True) -> SentMessage:
    message = NewMessage("u1", builders.visitors.assistant(owner), text, dialect="yuju")
    run = NewRun(ids.new_run_id(), channel="", trace_id=uuid.uuid4(), context_window=0, is_streamed=False)
    caller = builders.runs.caller(owner, has_endpoints=has_endpoints)
    return visitor_messages.send(message, Preconditions(), caller=caller, run=run)


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_it_is_reported_and_opens_the_dialogue(ann: Account) -> None:
    builders.webhooks.endpoint(ann)
    visitor = builders.visitors.visitor(ann)

    sent = send(ann)

    payloads = [orjson.loads(event.payload or "") for event in Event.objects.order_by("pk")]
    assert [payload["type"] for payload in payloads] == ["conversation.created", "run.completed"]
    data = payloads[1]["data"]
    assert (data["id"], data["status"], data["answer"]) == (sent.run_id, "completed", "客服在此")
    assert (data["conversation"], data["visitor"]) == (sent.conversation_id, visitor.public_id)
    dialogue = Dialogue.objects.get()
    assert dialogue.is_open
    assert dialogue.look_at is not None


def test_nobody_is_told_where_nobody_listens(ann: Account) -> None:
    builders.visitors.visitor(ann)

    send(ann, has_endpoints=False)

    assert not Event.objects.exists()
    assert not Dialogue.objects.get().is_open


@pytest.mark.parametrize("table", ["event", "assistedrun", "dialogue", "message"])
def test_one_that_is_refused_leaves_nothing(ann: Account, table: str) -> None:
    builders.webhooks.endpoint(ann)
    builders.visitors.visitor(ann)

    with refused_rows.refusing(execute, table, "INSERT", when="true"), pytest.raises(DatabaseError):
        send(ann)

    for model in (Conversation, Run, Message, Dialogue, AssistedRun, Event):
        assert not model._default_manager.exists()
